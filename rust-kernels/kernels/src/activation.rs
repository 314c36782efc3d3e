//! `quantize`: activations in the form that the linear kernels read, made once for all matrices with the same input.
//!
//! Plain twin: the f32 values themselves. SIMD twin, for a row of `width` values in blocks of 32 (the last one filled
//! with zeros): the 8-bit values of all blocks, then an f32 scale a block, then an i32 `-8 * sum` a block, which is
//! what a product with nibbles of offset 8 starts from. A row is a record of `activation_row_bytes`, so that any run
//! of rows can be used alone.

/// Values in a block.
pub const BLOCK: usize = 32;

/// Blocks in a row of `width` values.
pub const fn blocks(width: usize) -> usize {
    width.div_ceil(BLOCK)
}

/// Bytes of one row's record, a multiple of 16.
#[no_mangle]
pub extern "C" fn activation_row_bytes(width: usize) -> usize {
    if cfg!(feature = "simd") {
        (blocks(width) * (BLOCK + 8)).next_multiple_of(16)
    } else {
        (width * 4).next_multiple_of(16)
    }
}

/// `dst`: `rows` records; `x`: f32 `[rows][width]`.
#[no_mangle]
pub unsafe extern "C" fn quantize(dst: *mut u8, x: *const f32, rows: usize, width: usize) {
    let row_bytes = activation_row_bytes(width);
    for r in 0..rows {
        twin::quantize_row(dst.add(r * row_bytes), x.add(r * width), width);
    }
}

#[cfg(not(feature = "simd"))]
pub use plain as twin;
#[cfg(feature = "simd")]
pub use simd as twin;

#[cfg(not(feature = "simd"))]
pub mod plain {
    pub unsafe fn quantize_row(dst: *mut u8, x: *const f32, width: usize) {
        core::ptr::copy_nonoverlapping(x, dst as *mut f32, width);
    }

    /// The f32 values of row `r`.
    pub unsafe fn row<'a>(a: *const u8, r: usize, width: usize) -> &'a [f32] {
        core::slice::from_raw_parts(a.add(r * super::activation_row_bytes(width)) as *const f32, width)
    }
}

#[cfg(feature = "simd")]
pub mod simd {
    use super::{blocks, BLOCK};
    use crate::simd::{horizontal_max, load};
    use core::arch::wasm32::*;

    /// Where the parts of a row's record start.
    pub struct Row {
        pub values: *const i8,
        pub scales: *const f32,
        pub sums: *const i32,
    }

    #[inline(always)]
    pub unsafe fn row(a: *const u8, width: usize) -> Row {
        let n = blocks(width);
        Row {
            values: a as *const i8,
            scales: a.add(n * BLOCK) as *const f32,
            sums: a.add(n * (BLOCK + 4)) as *const i32,
        }
    }

    pub unsafe fn quantize_row(dst: *mut u8, x: *const f32, width: usize) {
        let at = row(dst, width);
        for b in 0..blocks(width) {
            let left = width - b * BLOCK;
            let mut v = [f32x4_splat(0.0); 8];
            if left >= BLOCK {
                for i in 0..8 {
                    v[i] = load(x.add(b * BLOCK + 4 * i));
                }
            } else {
                let mut tail = [0.0f32; BLOCK];
                core::ptr::copy_nonoverlapping(x.add(b * BLOCK), tail.as_mut_ptr(), left);
                for i in 0..8 {
                    v[i] = load(tail.as_ptr().add(4 * i));
                }
            }
            quantize_block(
                &v,
                at.values.add(b * BLOCK) as *mut i8,
                at.scales.add(b) as *mut f32,
                at.sums.add(b) as *mut i32,
            );
        }
    }

    /// Symmetric: scale = largest magnitude / 127, values rounded to nearest. A NaN or infinity makes the scale NaN,
    /// so that it reaches the output instead of vanishing in the conversion to integers.
    #[inline(always)]
    pub unsafe fn quantize_block(v: &[v128; 8], values: *mut i8, scale: *mut f32, sum: *mut i32) {
        let m01 = f32x4_max(f32x4_abs(v[0]), f32x4_abs(v[1]));
        let m23 = f32x4_max(f32x4_abs(v[2]), f32x4_abs(v[3]));
        let m45 = f32x4_max(f32x4_abs(v[4]), f32x4_abs(v[5]));
        let m67 = f32x4_max(f32x4_abs(v[6]), f32x4_abs(v[7]));
        let max = horizontal_max(f32x4_max(f32x4_max(m01, m23), f32x4_max(m45, m67)));
        let inverse = f32x4_splat(if max > 1e-30 { 127.0 / max } else { 0.0 });
        let q = |i: usize| i32x4_trunc_sat_f32x4(f32x4_nearest(f32x4_mul(v[i], inverse)));
        let low = i8x16_narrow_i16x8(i16x8_narrow_i32x4(q(0), q(1)), i16x8_narrow_i32x4(q(2), q(3)));
        let high = i8x16_narrow_i16x8(i16x8_narrow_i32x4(q(4), q(5)), i16x8_narrow_i32x4(q(6), q(7)));
        v128_store(values as *mut v128, low);
        v128_store(values.add(16) as *mut v128, high);
        *scale = if max < f32::INFINITY { max / 127.0 } else { f32::NAN };
        let pairs = i16x8_add(i16x8_extadd_pairwise_i8x16(low), i16x8_extadd_pairwise_i8x16(high));
        let fours = i32x4_extadd_pairwise_i16x8(pairs);
        let twos = i32x4_add(fours, i32x4_shuffle::<2, 3, 0, 1>(fours, fours));
        *sum = -8 * (i32x4_extract_lane::<0>(twos) + i32x4_extract_lane::<1>(twos));
    }
}
