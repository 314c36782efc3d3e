//! From bytes to an upright RGB picture of the wanted size.
use crate::error::{invalid, too_large, unsupported, Result};
use crate::format::{sniff, Format, Sniffed};
use crate::formats;
use crate::input::{Input, ReadAt};
use crate::orient::{swaps, upright};
use crate::resize::Resizer;

/// What a picture may cost.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Width times height, judged from the header.
    pub max_pixels: u64,
    /// Bytes that decoding may allocate.
    pub max_bytes: usize,
}

/// What a header says; sizes before turning.
#[derive(Debug)]
pub struct Probe {
    /// By the first bytes.
    pub format: Format,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// EXIF's, 1 to 8; 1 is upright.
    pub orientation: u8,
}

/// A decoder that has read its header.
pub trait Decoder {
    /// Width and height as stored.
    fn size(&self) -> (u32, u32);
    /// EXIF's orientation.
    fn orientation(&self) -> u8;
    /// Chooses how to decode for a wanted size; returns the size that will come and the bytes that it takes.
    fn prepare(&mut self, wanted: (u32, u32), max_bytes: u64) -> Result<(u32, u32, u64)>;
    /// Gives all rows, RGB on white, top to bottom.
    fn rows(self: Box<Self>, row: &mut dyn FnMut(&[u8])) -> Result<()>;
}

fn open<'a, R: ReadAt>(source: &'a R, max_pixels: u64) -> Result<(Format, Box<dyn Decoder + 'a>)> {
    let mut head = [0; 64];
    let n = source.read_at(0, &mut head);
    let format = match sniff(&head[..n]) {
        Sniffed::Known(format) => format,
        Sniffed::Refused(name) => {
            return Err(unsupported(format!(
                "{name} is not supported; give JPEG, PNG, WebP, GIF or BMP"
            )))
        }
        Sniffed::Unknown if n == 0 => return Err(invalid("the picture is empty (0 bytes)")),
        Sniffed::Unknown => {
            let bytes: Vec<String> = head[..n.min(8)].iter().map(|b| format!("{b:02x}")).collect();
            let bytes = bytes.join(" ");
            return Err(invalid(format!(
                "not a JPEG, PNG, WebP, GIF or BMP picture (it begins with {bytes})"
            )));
        }
    };
    let input = Input::new(source);
    let decoder: Box<dyn Decoder + 'a> = match format {
        Format::Jpeg => Box::new(formats::jpeg::Jpeg::open(input)?),
        Format::Png => Box::new(formats::png::Png::open(input, max_pixels)?),
        Format::WebP => Box::new(formats::webp::WebP::open(input)?),
        Format::Gif => Box::new(formats::gif::Gif::open(input)?),
        Format::Bmp => Box::new(formats::bmp::Bmp::open(input)?),
    };
    let (width, height) = decoder.size();
    if width == 0 || height == 0 {
        return Err(invalid(format!("the picture's size is {width} x {height}")));
    }
    check_pixels((width, height), max_pixels)?;
    Ok((format, decoder))
}

/// For a size that a header claims, before anything is made for it.
pub fn check_pixels((width, height): (u32, u32), max_pixels: u64) -> Result<()> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels <= max_pixels {
        return Ok(());
    }
    Err(too_large(format!(
        "the picture has {width} x {height} = {pixels} pixels, allowed are {max_pixels}"
    )))
}

/// Reads the header alone.
pub fn probe<R: ReadAt>(source: &R) -> Result<Probe> {
    let (format, decoder) = open(source, u64::MAX)?;
    let (width, height) = decoder.size();
    Ok(Probe {
        format,
        width,
        height,
        orientation: decoder.orientation(),
    })
}

/// RGB `[height][width][3]`. The whole picture is brought to the size, whatever its shape.
pub fn decode<R: ReadAt>(source: &R, width: u32, height: u32, limits: Limits) -> Result<Vec<u8>> {
    let (_, mut decoder) = open(source, limits.max_pixels)?;
    let (stored_width, stored_height) = decoder.size();
    let orientation = decoder.orientation();
    let wanted = if swaps(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    let max_bytes = limits.max_bytes as u64;
    let result_bytes = u64::from(wanted.0) * u64::from(wanted.1) * 3 * if orientation > 1 { 2 } else { 1 };
    let (w, h, decoder_bytes) = decoder.prepare(wanted, max_bytes.saturating_sub(result_bytes))?;
    let size = (w as usize, h as usize, wanted.0 as usize, wanted.1 as usize);
    let bytes = decoder_bytes + Resizer::bytes(size.0, size.1, size.2, size.3) + result_bytes;
    if bytes > max_bytes {
        return Err(too_large(format!(
            "decoding {stored_width} x {stored_height} pixels takes {bytes} bytes, allowed are {max_bytes}; give a smaller picture"
        )));
    }
    let mut resizer = Resizer::new(size.0, size.1, size.2, size.3);
    decoder.rows(&mut |row| {
        if resizer.rows() < size.1 {
            resizer.push(row);
        }
    })?;
    if resizer.rows() < size.1 {
        return Err(invalid(format!("the picture ends after row {} of {h}", resizer.rows())));
    }
    Ok(upright(resizer.finish(), size.2, size.3, orientation))
}
