//! BMP.
use crate::decode::Decoder;
use crate::error::{broken, Result};
use crate::input::{Input, ReadAt};
use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder};

pub struct Bmp<'a, R: ReadAt> {
    decoder: BmpDecoder<Input<'a, R>>,
}

impl<'a, R: ReadAt> Bmp<'a, R> {
    pub fn open(input: Input<'a, R>) -> Result<Self> {
        Ok(Self {
            decoder: BmpDecoder::new(input).map_err(|e| broken("BMP")(&e))?,
        })
    }

    fn channels(&self) -> usize {
        if self.decoder.color_type() == ColorType::Rgba8 {
            4
        } else {
            3
        }
    }
}

impl<R: ReadAt> Decoder for Bmp<'_, R> {
    fn size(&self) -> (u32, u32) {
        self.decoder.dimensions()
    }

    fn orientation(&self) -> u8 {
        1
    }

    fn prepare(&mut self, _: (u32, u32), _: u64) -> Result<(u32, u32, u64)> {
        let (w, h) = self.size();
        Ok((w, h, (u64::from(w) + 4) * u64::from(h) * (self.channels() as u64 + 1)))
    }

    fn rows(self: Box<Self>, row: &mut dyn FnMut(&[u8])) -> Result<()> {
        let channels = self.channels();
        let (w, h) = self.size();
        let mut pixels = vec![0; w as usize * h as usize * channels];
        self.decoder.read_image(&mut pixels).map_err(|e| broken("BMP")(&e))?;
        let mut rgb = Vec::new();
        for line in pixels.chunks_exact(w as usize * channels) {
            super::to_rgb(line, channels, &mut rgb);
            row(&rgb);
        }
        Ok(())
    }
}
