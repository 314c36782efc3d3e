//! BMP.
use crate::decode::Decoder;
use crate::error::{broken, Result};
use crate::input::{Input, ReadAt};
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

pub struct Bmp<'a, R: ReadAt> {
    decoder: zune_bmp::BmpDecoder<Input<'a, R>>,
    size: (u32, u32),
    channels: usize,
}

impl<'a, R: ReadAt> Bmp<'a, R> {
    pub fn open(input: Input<'a, R>) -> Result<Self> {
        // the limits are ours: they are judged where all formats' are
        let options = DecoderOptions::default().set_max_width(1 << 20).set_max_height(1 << 20);
        let mut decoder = zune_bmp::BmpDecoder::new_with_options(input, options);
        decoder.decode_headers().map_err(|e| broken("BMP")(&format!("{e:?}")))?;
        let (w, h) = decoder.dimensions().unwrap_or((0, 0));
        let channels = match decoder.colorspace() {
            Some(ColorSpace::Luma) => 1,
            Some(ColorSpace::RGBA | ColorSpace::BGRA) => 4,
            _ => 3,
        };
        Ok(Self {
            decoder,
            size: (w as u32, h as u32),
            channels,
        })
    }
}

impl<R: ReadAt> Decoder for Bmp<'_, R> {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn orientation(&self) -> u8 {
        1
    }

    fn prepare(&mut self, _: (u32, u32), _: usize) -> Result<(u32, u32, usize)> {
        let (w, h) = self.size;
        Ok((w, h, (w as usize + 4) * h as usize * (self.channels + 1)))
    }

    fn rows(mut self: Box<Self>, row: &mut dyn FnMut(&[u8])) -> Result<()> {
        let pixels = self.decoder.decode().map_err(|e| broken("BMP")(&format!("{e:?}")))?;
        let mut rgb = Vec::new();
        for line in pixels.chunks_exact(self.size.0 as usize * self.channels) {
            super::to_rgb(line, self.channels, &mut rgb);
            row(&rgb);
        }
        Ok(())
    }
}
