//! WebP: lossy, lossless, alpha; of an animation the first frame.
use crate::decode::Decoder;
use crate::error::{broken, invalid, Result};
use crate::exif;
use crate::input::{Input, ReadAt};
use std::io::{Read, Result as IoResult, Seek, SeekFrom};

pub struct WebP<'a, R: ReadAt> {
    decoder: image_webp::WebPDecoder<Input<'a, R>>,
    orientation: u8,
}

/// "RIFF", a length, "WEBP".
const RIFF_HEADER_BYTES: u64 = 12;
/// Name and length.
const CHUNK_HEADER_BYTES: u64 = 8;
/// Place, size and duration of an animation's frame, before its own chunks.
const FRAME_HEADER_BYTES: u64 = 16;

/// Pixels of the largest lossy frame that the decoder may come to, by what frames say of themselves: it makes room for them
/// before it holds that against the picture's size.
fn largest_lossy_frame<R: ReadAt>(input: &mut Input<R>) -> u64 {
    let mut largest = 0;
    let mut at = RIFF_HEADER_BYTES;
    // a file that is cut has no more frames; what else it lacks, the decoder says
    while let Ok((name, next)) = read_chunk(input, at, &mut largest) {
        if &name == b"ANMF" {
            // alpha and colours
            let first = at + CHUNK_HEADER_BYTES + FRAME_HEADER_BYTES;
            if let Ok((_, second)) = read_chunk(input, first, &mut largest) {
                let _ = read_chunk(input, second, &mut largest);
            }
        }
        at = next;
    }
    largest
}

/// Name of the chunk at an offset, and the offset of the next; a lossy frame's pixels are added to what is known.
fn read_chunk<R: ReadAt>(input: &mut Input<R>, at: u64, largest: &mut u64) -> IoResult<([u8; 4], u64)> {
    input.seek(SeekFrom::Start(at))?;
    let mut head = [0; 8];
    input.read_exact(&mut head)?;
    let [name @ .., l0, l1, l2, l3] = head;
    if &name == b"VP8 " {
        // a tag, a start code, width and height in 14 bits each (RFC 6386, 9.1)
        let mut frame = [0; 10];
        input.read_exact(&mut frame)?;
        let side = |i: usize| u64::from(u16::from_le_bytes([frame[i], frame[i + 1]]) & 0x3fff);
        *largest = (*largest).max(side(6) * side(8));
    }
    let length = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
    Ok((name, at + CHUNK_HEADER_BYTES + length.next_multiple_of(2)))
}

impl<'a, R: ReadAt> WebP<'a, R> {
    pub fn open(mut input: Input<'a, R>) -> Result<Self> {
        let frame = largest_lossy_frame(&mut input);
        input.rewind().map_err(|e| broken("WebP")(&e))?;
        let mut decoder = image_webp::WebPDecoder::new(input).map_err(|e| broken("WebP")(&e))?;
        let (w, h) = decoder.dimensions();
        if frame > u64::from(w) * u64::from(h) {
            return Err(invalid(format!(
                "a WebP frame of {frame} pixels does not fit its picture of {w} x {h}"
            )));
        }
        // more than any camera writes; a larger block is not looked at
        decoder.set_memory_limit(1 << 20);
        let orientation = decoder
            .exif_metadata()
            .ok()
            .flatten()
            .map_or(1, |block| exif::orientation(&block));
        Ok(Self { decoder, orientation })
    }

    fn channels(&self) -> usize {
        if self.decoder.has_alpha() {
            4
        } else {
            3
        }
    }
}

impl<R: ReadAt> Decoder for WebP<'_, R> {
    fn size(&self) -> (u32, u32) {
        self.decoder.dimensions()
    }

    fn orientation(&self) -> u8 {
        self.orientation
    }

    fn prepare(&mut self, _: (u32, u32), _: u64) -> Result<(u32, u32, u64)> {
        let (w, h) = self.decoder.dimensions();
        // the picture, and the planes or the ARGB pixels that it is made of; a frame is first made by itself, and then put
        // on a canvas, and so is the alpha of a lossy picture
        let apart = self.decoder.is_animated() || (self.decoder.is_lossy() && self.decoder.has_alpha());
        let pixel_bytes = if apart { 13 } else { self.channels() as u64 + 4 };
        Ok((w, h, (u64::from(w) + 16) * (u64::from(h) + 16) * pixel_bytes))
    }

    fn rows(mut self: Box<Self>, row: &mut dyn FnMut(&[u8])) -> Result<()> {
        let channels = self.channels();
        let (w, h) = self.decoder.dimensions();
        let mut pixels = vec![0; w as usize * h as usize * channels];
        if self.decoder.is_animated() {
            self.decoder.set_memory_limit(usize::MAX);
            self.decoder.read_frame(&mut pixels).map_err(|e| broken("WebP")(&e))?;
        } else {
            self.decoder.read_image(&mut pixels).map_err(|e| broken("WebP")(&e))?;
        }
        let mut rgb = Vec::new();
        for line in pixels.chunks_exact(w as usize * channels) {
            super::to_rgb(line, channels, &mut rgb);
            row(&rgb);
        }
        Ok(())
    }
}
