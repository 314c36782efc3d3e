//! GIF: the first frame on its screen; what it leaves free is white.
use crate::decode::Decoder;
use crate::error::{broken, invalid, Result};
use crate::input::{Input, ReadAt};

pub struct Gif<'a, R: ReadAt> {
    decoder: gif::Decoder<Input<'a, R>>,
}

impl<'a, R: ReadAt> Gif<'a, R> {
    pub fn open(input: Input<'a, R>) -> Result<Self> {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let decoder = options.read_info(input).map_err(|e| broken("GIF")(&e))?;
        Ok(Self { decoder })
    }
}

impl<R: ReadAt> Decoder for Gif<'_, R> {
    fn size(&self) -> (u32, u32) {
        (self.decoder.width().into(), self.decoder.height().into())
    }

    fn orientation(&self) -> u8 {
        1
    }

    fn prepare(&mut self, _: (u32, u32), _: u64) -> Result<(u32, u32, u64)> {
        let (w, h) = self.size();
        // indices and colours of a frame that fills the screen
        Ok((w, h, u64::from(w) * u64::from(h) * 5 + (1 << 16)))
    }

    fn rows(mut self: Box<Self>, row: &mut dyn FnMut(&[u8])) -> Result<()> {
        let (w, h) = (usize::from(self.decoder.width()), usize::from(self.decoder.height()));
        let frame = self.decoder.next_frame_info().map_err(|e| broken("GIF")(&e))?;
        let frame = frame.ok_or_else(|| invalid("the GIF has no frame"))?;
        let (left, top) = (usize::from(frame.left), usize::from(frame.top));
        let (fw, fh) = (usize::from(frame.width), usize::from(frame.height));
        if fw * fh > w * h {
            return Err(invalid(format!(
                "a GIF frame of {fw} x {fh} does not fit its screen of {w} x {h}"
            )));
        }
        let mut pixels = vec![0; fw * fh * 4];
        self.decoder
            .read_into_buffer(&mut pixels)
            .map_err(|e| broken("GIF")(&e))?;
        let mut line = vec![255; w * 4];
        let mut rgb = Vec::new();
        for y in 0..h {
            line.fill(255);
            if y >= top && y < top + fh && left < w {
                let n = fw.min(w - left);
                line[left * 4..][..n * 4].copy_from_slice(&pixels[(y - top) * fw * 4..][..n * 4]);
            }
            super::to_rgb(&line, 4, &mut rgb);
            row(&rgb);
        }
        Ok(())
    }
}
