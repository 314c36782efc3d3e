//! JPEG, decoded at 1/2, 1/4 or 1/8 of its size where the wanted picture is that small.
use crate::decode::Decoder;
use crate::error::{broken, too_large, unsupported, Error, Result};
use crate::exif;
use crate::formats::jpeg_scans::count_scans;
use crate::input::{Input, ReadAt};
use crate::resize::Resizer;
use jpeg_decoder::{CodingProcess, PixelFormat};

/// A progressive file by any encoder has a dozen or so.
const MOST_PROGRESSIVE_SCANS: usize = 100;
/// Of any other file: one a component, at most.
const MOST_SCANS: usize = 4;

pub struct Jpeg<'a, R: ReadAt> {
    decoder: jpeg_decoder::Decoder<Input<'a, R>>,
    source: &'a R,
    size: (u32, u32),
    channels: usize,
    progressive: bool,
    orientation: u8,
}

fn error(e: jpeg_decoder::Error) -> Error {
    match e {
        jpeg_decoder::Error::Unsupported(feature) => unsupported(format!("JPEG with {feature:?} is not supported")),
        other => broken("JPEG")(&other),
    }
}

impl<'a, R: ReadAt> Jpeg<'a, R> {
    pub fn open(input: Input<'a, R>) -> Result<Self> {
        let source = input.source();
        let mut decoder = jpeg_decoder::Decoder::new(input);
        decoder.read_info().map_err(error)?;
        let info = decoder.info().ok_or_else(|| broken("JPEG")(&"no header"))?;
        let channels = match info.pixel_format {
            PixelFormat::L8 => 1,
            PixelFormat::RGB24 => 3,
            PixelFormat::CMYK32 => 4,
            PixelFormat::L16 => return Err(unsupported("JPEG with 16 bits a sample is not supported")),
        };
        let orientation = decoder.exif_data().map_or(1, exif::orientation);
        Ok(Self {
            decoder,
            source,
            size: (info.width.into(), info.height.into()),
            channels,
            progressive: info.coding_process == CodingProcess::DctProgressive,
            orientation,
        })
    }

    fn check_scans(&self) -> Result<()> {
        let (kind, most) = if self.progressive {
            ("progressive ", MOST_PROGRESSIVE_SCANS)
        } else {
            ("", MOST_SCANS)
        };
        if count_scans(&mut Input::new(self.source), most + 1) <= most {
            return Ok(());
        }
        Err(unsupported(format!(
            "a {kind}JPEG of more than {most} scans is not supported"
        )))
    }

    /// Bytes at a scale of 1 / `by`: the planes, the picture made of them, and for a progressive file all coefficients.
    fn bytes(&self, by: u32) -> u64 {
        let (w, h, by) = (u64::from(self.size.0) + 15, u64::from(self.size.1) + 15, u64::from(by));
        let scaled = (w / by + 1) * (h / by + 1);
        let coefficients = if self.progressive { w * h * 2 } else { 0 };
        (coefficients + 2 * scaled) * self.channels as u64
    }
}

impl<R: ReadAt> Decoder for Jpeg<'_, R> {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn orientation(&self) -> u8 {
        self.orientation
    }

    /// The smallest scale that leaves twice the wanted size, so that the resize still has what it needs; where that is
    /// more than may be used, one that leaves the wanted size.
    fn prepare(&mut self, wanted: (u32, u32), max_bytes: u64) -> Result<(u32, u32, u64)> {
        self.check_scans()?;
        let leaves = |by: u32, times: u32| self.size.0 / by >= wanted.0 * times && self.size.1 / by >= wanted.1 * times;
        let smallest = |times: u32| [8, 4, 2].into_iter().find(|&by| leaves(by, times)).unwrap_or(1);
        // with the resizer, or a scale would be taken that only then turns out to be too large
        let total = |by: u32| {
            let (w, h) = (self.size.0.div_ceil(by) as usize, self.size.1.div_ceil(by) as usize);
            self.bytes(by) + Resizer::bytes(w, h, wanted.0 as usize, wanted.1 as usize)
        };
        let by = [smallest(2), smallest(1)]
            .into_iter()
            .find(|&by| total(by) <= max_bytes);
        let Some(by) = by else {
            let kind = if self.progressive { "progressive " } else { "" };
            return Err(too_large(format!(
                "decoding this {kind}JPEG of {} x {} pixels takes {} bytes, allowed are {max_bytes}; give a smaller picture",
                self.size.0,
                self.size.1,
                total(smallest(1))
            )));
        };
        let (w, h) = (self.size.0.div_ceil(by), self.size.1.div_ceil(by));
        let (w, h) = self.decoder.scale(w as u16, h as u16).map_err(error)?;
        Ok((w.into(), h.into(), self.bytes(by)))
    }

    fn rows(mut self: Box<Self>, row: &mut dyn FnMut(&[u8])) -> Result<()> {
        let pixels = self.decoder.decode().map_err(error)?;
        let width = self.decoder.info().map_or(0, |i| usize::from(i.width));
        let mut rgb = Vec::new();
        for line in pixels.chunks_exact((width * self.channels).max(1)) {
            if self.channels == 4 {
                cmyk_to_rgb(line, &mut rgb);
            } else {
                super::to_rgb(line, self.channels, &mut rgb);
            }
            row(&rgb);
        }
        Ok(())
    }
}

/// The decoder gives amounts of ink (Adobe's inversion undone). rgb = ink-free share times black-free share.
fn cmyk_to_rgb(row: &[u8], rgb: &mut Vec<u8>) {
    rgb.clear();
    rgb.extend(row.chunks_exact(4).flat_map(|p| {
        let free = |c: u8| u32::from(255 - c);
        let share = |c: u8| ((free(c) * free(p[3]) + 127) / 255) as u8;
        [share(p[0]), share(p[1]), share(p[2])]
    }));
}
