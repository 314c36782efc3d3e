//! One decoder a format, each a well-kept crate behind the same face.
pub mod bmp;
pub mod gif;
pub mod jpeg;
mod jpeg_scans;
pub mod png;
pub mod webp;

/// A row in any of the layouts that decoders give, as RGB on white.
pub fn to_rgb(row: &[u8], channels: usize, out: &mut Vec<u8>) {
    out.clear();
    match channels {
        1 => out.extend(row.iter().flat_map(|&v| [v, v, v])),
        2 => out.extend(row.chunks_exact(2).flat_map(|p| [on_white(p[0], p[1]); 3])),
        3 => out.extend_from_slice(row),
        _ => out.extend(
            row.chunks_exact(4)
                .flat_map(|p| [0, 1, 2].map(|c| on_white(p[c], p[3]))),
        ),
    }
}

/// value * alpha + white * (1 - alpha), rounded.
fn on_white(value: u8, alpha: u8) -> u8 {
    let sum = u32::from(value) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
    ((sum + 127) / 255) as u8
}
