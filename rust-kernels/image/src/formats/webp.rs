//! WebP: lossy, lossless, alpha; of an animation the first frame.
use crate::decode::Decoder;
use crate::error::{broken, Result};
use crate::exif;
use crate::input::{Input, ReadAt};

pub struct WebP<'a, R: ReadAt> {
    decoder: image_webp::WebPDecoder<Input<'a, R>>,
    orientation: u8,
}

impl<'a, R: ReadAt> WebP<'a, R> {
    pub fn open(input: Input<'a, R>) -> Result<Self> {
        let mut decoder = image_webp::WebPDecoder::new(input).map_err(|e| broken("WebP")(&e))?;
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

    fn prepare(&mut self, _: (u32, u32), _: usize) -> Result<(u32, u32, usize)> {
        let (w, h) = self.decoder.dimensions();
        // the picture, and the planes or the ARGB pixels that it is made of; a frame is first made by itself, and then put
        // on a canvas, and so is the alpha of a lossy picture
        let apart = self.decoder.is_animated() || (self.decoder.is_lossy() && self.decoder.has_alpha());
        let pixel_bytes = if apart { 13 } else { self.channels() + 4 };
        Ok((w, h, (w as usize + 16) * (h as usize + 16) * pixel_bytes))
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
