//! PNG, row by row; an interlaced one in full.
use crate::decode::{check_pixels, Decoder};
use crate::error::{broken, Result};
use crate::exif;
use crate::input::{Input, ReadAt};
use png::Transformations;
use std::io::{Read, Result as IoResult, Seek, SeekFrom};

pub struct Png<'a, R: ReadAt> {
    reader: png::Reader<Input<'a, R>>,
    size: (u32, u32),
    orientation: u8,
}

const SIGNATURE_BYTES: u64 = 8;
/// Length, name and checksum.
const CHUNK_FRAME_BYTES: u64 = 12;
/// More than the orientation can need; the rest of a larger block is thumbnails.
const EXIF_BYTES: u64 = 1 << 16;

/// The orientation's chunk may stand after the pixels (PNG, 5.6), where a reader that gives rows comes too late.
fn find_orientation<R: ReadAt>(input: &mut Input<R>) -> IoResult<u8> {
    let mut at = SIGNATURE_BYTES;
    loop {
        input.seek(SeekFrom::Start(at))?;
        let mut head = [0; 8];
        input.read_exact(&mut head)?;
        let length = u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
        match &head[4..] {
            b"eXIf" => {
                let mut block = Vec::new();
                input.take(length.min(EXIF_BYTES)).read_to_end(&mut block)?;
                return Ok(exif::orientation(&block));
            }
            b"IEND" => return Ok(1),
            _ => at += CHUNK_FRAME_BYTES + length,
        }
    }
}

impl<'a, R: ReadAt> Png<'a, R> {
    pub fn open(mut input: Input<'a, R>, max_pixels: u64) -> Result<Self> {
        // a file that is cut has no orientation to find; what else it lacks, the decoder says
        let orientation = find_orientation(&mut input).unwrap_or(1);
        input.rewind().map_err(|e| broken("PNG")(&e))?;
        // the limits are ours: they are judged where all formats' are
        let mut decoder = png::Decoder::new_with_limits(input, png::Limits { bytes: usize::MAX });
        // palettes and few bits become 8, tRNS becomes alpha, 16 bits lose the low ones
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let size = decoder.read_header_info().map_err(|e| broken("PNG")(&e))?.size();
        check_pixels(size, max_pixels)?;
        let reader = decoder.read_info().map_err(|e| broken("PNG")(&e))?;
        Ok(Self {
            reader,
            size,
            orientation,
        })
    }

    fn channels(&self) -> usize {
        self.reader.output_color_type().0.samples()
    }
}

impl<R: ReadAt> Decoder for Png<'_, R> {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn orientation(&self) -> u8 {
        self.orientation
    }

    fn prepare(&mut self, _: (u32, u32), _: u64) -> Result<(u32, u32, u64)> {
        let (w, h) = self.size;
        let rows = if self.reader.info().interlaced { u64::from(h) } else { 8 };
        let row = u64::from(w) * self.channels() as u64;
        // rows in flight of up to 8 bytes a pixel, and the inflater's window
        Ok((w, h, rows * row + u64::from(w) * 16 + (1 << 17)))
    }

    fn rows(mut self: Box<Self>, row: &mut dyn FnMut(&[u8])) -> Result<()> {
        let channels = self.channels();
        let mut rgb = Vec::new();
        if self.reader.info().interlaced {
            let line = self.size.0 as usize * channels;
            let mut pixels = vec![0; line * self.size.1 as usize];
            self.reader.next_frame(&mut pixels).map_err(|e| broken("PNG")(&e))?;
            for line in pixels.chunks_exact(line) {
                super::to_rgb(line, channels, &mut rgb);
                row(&rgb);
            }
            return Ok(());
        }
        while let Some(line) = self.reader.next_row().map_err(|e| broken("PNG")(&e))? {
            super::to_rgb(line.data(), channels, &mut rgb);
            row(&rgb);
        }
        Ok(())
    }
}
