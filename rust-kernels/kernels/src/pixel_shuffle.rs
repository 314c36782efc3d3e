//! The connector's pixel shuffle: a token is an s x s neighbourhood of patches, row by row, one after another.

/// `dst`: f32 `[(grid / scale)^2][scale^2 * width]`; `x`: f32 `[grid * grid][width]`.
#[no_mangle]
pub unsafe extern "C" fn pixel_shuffle(dst: *mut f32, x: *const f32, grid: usize, width: usize, scale: usize) {
    let tokens = grid / scale;
    for t in 0..tokens * tokens {
        let (top, left) = (t / tokens * scale, t % tokens * scale);
        for y in 0..scale {
            let from = x.add(((top + y) * grid + left) * width);
            let to = dst.add((t * scale + y) * scale * width);
            core::ptr::copy_nonoverlapping(from, to, scale * width);
        }
    }
}
