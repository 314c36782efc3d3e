//! The compressed bytes, read in pieces from wherever the caller keeps them.
use std::io::{BufRead, Read, Result, Seek, SeekFrom};
/// Random access to bytes.
pub trait ReadAt {
    /// Copies bytes from `offset`; returns how many there were.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> usize;
    /// In bytes.
    fn length(&self) -> u64;
}

impl ReadAt for &[u8] {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> usize {
        let from = &self[(offset as usize).min(self.len())..];
        let n = from.len().min(into.len());
        into[..n].copy_from_slice(&from[..n]);
        n
    }
    fn length(&self) -> u64 {
        self.len() as u64
    }
}

const BUFFER_BYTES: usize = 1 << 14;

/// A buffered reader over [`ReadAt`].
pub struct Input<'a, R: ReadAt> {
    source: &'a R,
    buffer: Box<[u8]>,
    /// Offset of the buffer's first byte, how much of it is filled, and how much of that is read.
    start: u64,
    filled: usize,
    at: usize,
}

impl<'a, R: ReadAt> Input<'a, R> {
    pub fn new(source: &'a R) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER_BYTES].into(),
            start: 0,
            filled: 0,
            at: 0,
        }
    }

    /// What it reads, for another reader.
    pub fn source(&self) -> &'a R {
        self.source
    }
}

impl<R: ReadAt> Read for Input<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let from = self.fill_buf()?;
        let n = from.len().min(into.len());
        into[..n].copy_from_slice(&from[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: ReadAt> BufRead for Input<'_, R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.at == self.filled {
            self.start += self.filled as u64;
            self.at = 0;
            self.filled = self.source.read_at(self.start, &mut self.buffer);
        }
        Ok(&self.buffer[self.at..self.filled])
    }
    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

impl<R: ReadAt> Seek for Input<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let here = self.start + self.at as u64;
        let target = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::Current(n) => here.checked_add_signed(n),
            SeekFrom::End(n) => self.source.length().checked_add_signed(n),
        };
        let target = target.ok_or(std::io::ErrorKind::InvalidInput)?;
        if target >= self.start && target <= self.start + self.filled as u64 {
            self.at = (target - self.start) as usize;
        } else {
            (self.start, self.filled, self.at) = (target, 0, 0);
        }
        Ok(target)
    }
}
