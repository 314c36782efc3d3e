//! A picture's pixels as the rows of the patch embedding's matrix product, normalised on the way.

/// `dst`: f32 `[(size / patch)^2][3 * patch * patch]`, a row a patch, channel by channel, each row by row, as a
/// convolution's weight lies in memory; `rgb`: u8 `[size][size][3]`; `mean`, `deviation`: f32 `[3]` in units of the
/// full scale: (p / 255 - mean) / deviation.
#[no_mangle]
pub unsafe extern "C" fn patches(
    dst: *mut f32,
    rgb: *const u8,
    size: usize,
    patch: usize,
    mean: *const f32,
    deviation: *const f32,
) {
    let grid = size / patch;
    for p in 0..grid * grid {
        let (top, left) = (p / grid * patch, p % grid * patch);
        for c in 0..3 {
            let (m, d) = (*mean.add(c), *deviation.add(c));
            for y in 0..patch {
                let from = rgb.add(((top + y) * size + left) * 3 + c);
                let to = dst.add(((p * 3 + c) * patch + y) * patch);
                for x in 0..patch {
                    *to.add(x) = (f32::from(*from.add(3 * x)) / 255.0 - m) / d;
                }
            }
        }
    }
}
