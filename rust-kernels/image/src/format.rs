//! Formats by their first bytes.

/// A format that is decoded; its number is what JavaScript is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Format {
    /// Baseline and progressive.
    Jpeg = 0,
    /// All colour types, interlaced or not.
    Png = 1,
    /// Lossy and lossless.
    WebP = 2,
    /// The first frame.
    Gif = 3,
    /// Windows bitmaps.
    Bmp = 4,
}

/// What the first bytes (64 are enough) say.
pub enum Sniffed {
    Known(Format),
    /// Recognised, by name, but not decoded.
    Refused(&'static str),
    Unknown,
}

pub fn sniff(head: &[u8]) -> Sniffed {
    use Sniffed::{Known, Refused};
    let at = |offset: usize, bytes: &[u8]| head.get(offset..offset + bytes.len()) == Some(bytes);
    if at(0, b"\xff\xd8\xff") {
        return Known(Format::Jpeg);
    }
    if at(0, b"\x89PNG\r\n\x1a\n") {
        return Known(Format::Png);
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return Known(Format::WebP);
    }
    if at(0, b"GIF87a") || at(0, b"GIF89a") {
        return Known(Format::Gif);
    }
    if at(0, b"BM") && head.len() >= 26 {
        return Known(Format::Bmp);
    }
    if at(4, b"ftyp") {
        let brand = head.get(8..12).unwrap_or_default();
        return Refused(if brand == b"avif" || brand == b"avis" {
            "AVIF"
        } else if [b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"]
            .iter()
            .any(|b| brand == *b)
        {
            "HEIC"
        } else {
            "an ISO media file (video)"
        });
    }
    if at(0, b"\xff\x0a") || at(0, b"\0\0\0\x0cJXL \r\n\x87\n") {
        return Refused("JPEG XL");
    }
    if at(0, b"II*\0") || at(0, b"MM\0*") || at(0, b"II+\0") || at(0, b"MM\0+") {
        return Refused("TIFF");
    }
    if at(0, b"%PDF") {
        return Refused("PDF");
    }
    if at(0, b"\0\0\x01\0") || at(0, b"\0\0\x02\0") {
        return Refused("ICO");
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if text.starts_with(b"<svg") || text.starts_with(b"<?xml") || text.starts_with(b"<!DOCTYPE svg") {
        return Refused("SVG");
    }
    Sniffed::Unknown
}
