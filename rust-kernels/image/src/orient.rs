//! Turning a picture upright, by EXIF's eight orientations.

/// True if the orientation swaps width and height.
pub fn swaps(orientation: u8) -> bool {
    orientation >= 5
}

/// `rgb`: `[height][width][3]` as stored; returns it upright.
pub fn upright(rgb: Vec<u8>, width: usize, height: usize, orientation: u8) -> Vec<u8> {
    if orientation <= 1 {
        return rgb;
    }
    let (w, h) = if swaps(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    let mut out = vec![0; rgb.len()];
    for y in 0..h {
        for x in 0..w {
            let (sx, sy) = match orientation {
                2 => (width - 1 - x, y),
                3 => (width - 1 - x, height - 1 - y),
                4 => (x, height - 1 - y),
                5 => (y, x),
                6 => (y, height - 1 - x),
                7 => (width - 1 - y, height - 1 - x),
                _ => (width - 1 - y, x),
            };
            let (to, from) = ((y * w + x) * 3, (sy * width + sx) * 3);
            out[to..to + 3].copy_from_slice(&rgb[from..from + 3]);
        }
    }
    out
}
