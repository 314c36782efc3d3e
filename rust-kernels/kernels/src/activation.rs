//! `quantize`: activations in the form that the linear kernels read, made once for all matrices with the same input.
//!
//! Plain twin: the f32 values themselves. SIMD twin: rows go in tiles of [`TILE_ROWS`], the last one with what is left.
//! A tile of n rows holds, for each block of 32 values (the last one filled with zeros): the 8-bit values
//! `[8 steps][n rows][4]`, n scales (f32), n starts (i32). One pointer thus reads all that a register tile needs. A start
//! is `-8 * sum` of the block's values: what a product with nibbles of offset 8 starts from.

/// Values in a block.
pub const BLOCK: usize = 32;

/// Blocks in a row of `width` values.
pub const fn blocks(width: usize) -> usize {
    width.div_ceil(BLOCK)
}

/// Rows of a full tile: one vector load brings 4 values of each, and the 8 sums of 4 rows by two groups of 4 columns leave
/// registers for their factors.
pub const TILE_ROWS: usize = 4;

/// 1.5 * 2^23. An integer below 2^22 added to its bits is that integer as a float, 2^23 * 1.5 too large: a subtraction
/// then converts it, on another port than the products use.
pub const MAGIC: f32 = 12_582_912.0;

/// Bytes of one row; `rows` rows take that many times as much. A multiple of 8.
#[no_mangle]
pub extern "C" fn activation_row_bytes(width: usize) -> usize {
    if cfg!(feature = "simd") {
        blocks(width) * (BLOCK + 8)
    } else {
        width.next_multiple_of(2) * 4
    }
}

/// `dst`: `rows` rows of `activation_row_bytes`; `x`: f32 `[rows][width]`.
#[no_mangle]
pub unsafe extern "C" fn quantize(dst: *mut u8, x: *const f32, rows: usize, width: usize) {
    let row_bytes = activation_row_bytes(width);
    for first in (0..rows).step_by(TILE_ROWS) {
        let n = TILE_ROWS.min(rows - first);
        for r in 0..n {
            twin::quantize_row(dst.add(first * row_bytes), r, n, x.add((first + r) * width), width);
        }
    }
}

/// What `quantize` loses: dst = x - (x as it will be read back), one row. Multiplied as a second row, it gives a product
/// with 16-bit activations. `dst`, `x`: f32 `[width]`.
#[no_mangle]
pub unsafe extern "C" fn rounding_error(dst: *mut f32, x: *const f32, width: usize) {
    twin::rounding_error(dst, x, width);
}

#[cfg(not(feature = "simd"))]
pub use plain as twin;
#[cfg(feature = "simd")]
pub use simd as twin;

#[cfg(not(feature = "simd"))]
pub mod plain {
    pub unsafe fn quantize_row(tile: *mut u8, row: usize, _rows: usize, x: *const f32, width: usize) {
        let dst = tile.add(row * super::activation_row_bytes(width)) as *mut f32;
        core::ptr::copy_nonoverlapping(x, dst, width);
    }

    pub unsafe fn rounding_error(dst: *mut f32, _x: *const f32, width: usize) {
        core::ptr::write_bytes(dst, 0, width);
    }
}

#[cfg(feature = "simd")]
pub mod simd {
    use super::{blocks, BLOCK, MAGIC};
    use crate::simd::{load, store};
    use core::arch::wasm32::*;

    /// Row `row` of a tile of `rows`.
    pub unsafe fn quantize_row(tile: *mut u8, row: usize, rows: usize, x: *const f32, width: usize) {
        for b in 0..blocks(width) {
            let v = load_block(x.add(b * BLOCK), width - b * BLOCK);
            quantize_block(&v, tile.add(b * rows * (BLOCK + 8)), row, rows);
        }
    }

    pub unsafe fn rounding_error(dst: *mut f32, x: *const f32, width: usize) {
        for b in 0..blocks(width) {
            let left = (width - b * BLOCK).min(BLOCK);
            let v = load_block(x.add(b * BLOCK), left);
            let (scale, integers) = round(&v);
            let mut error = [0.0f32; BLOCK];
            for i in 0..8 {
                let back = f32x4_mul(f32x4_convert_i32x4(integers[i]), f32x4_splat(scale));
                store(error.as_mut_ptr().add(4 * i), f32x4_sub(v[i], back));
            }
            core::ptr::copy_nonoverlapping(error.as_ptr(), dst.add(b * BLOCK), left);
        }
    }

    /// A block of which `left` values are there, filled up with zeros.
    #[inline(always)]
    unsafe fn load_block(x: *const f32, left: usize) -> [v128; 8] {
        let mut tail = [0.0f32; BLOCK];
        let from = if left >= BLOCK {
            x
        } else {
            core::ptr::copy_nonoverlapping(x, tail.as_mut_ptr(), left);
            tail.as_ptr()
        };
        core::array::from_fn(|i| load(from.add(4 * i)))
    }

    /// Symmetric: scale = largest magnitude / 127, values rounded to nearest. A NaN or infinity makes the scale NaN,
    /// so that it reaches the output instead of vanishing in the conversion to integers.
    #[inline(always)]
    fn round(v: &[v128; 8]) -> (f32, [v128; 8]) {
        // magnitudes are compared as integers, in which order NaN is above all
        let magnitude = |i: usize| v128_and(v[i], i32x4_splat(i32::MAX));
        let m01 = i32x4_max(magnitude(0), magnitude(1));
        let m23 = i32x4_max(magnitude(2), magnitude(3));
        let m45 = i32x4_max(magnitude(4), magnitude(5));
        let m67 = i32x4_max(magnitude(6), magnitude(7));
        let m = i32x4_max(i32x4_max(m01, m23), i32x4_max(m45, m67));
        let m = i32x4_max(m, i32x4_shuffle::<2, 3, 0, 1>(m, m));
        let max = f32x4_extract_lane::<0>(i32x4_max(m, i32x4_shuffle::<1, 0, 3, 2>(m, m)));
        let inverse = f32x4_splat(if max > 1e-30 { 127.0 / max } else { 0.0 });
        let magic = f32x4_splat(MAGIC);
        // adding the magic number rounds to nearest, ties to even, and leaves the integer in the low bits
        let integers = v.map(|v| i32x4_sub(f32x4_add(f32x4_mul(v, inverse), magic), magic));
        (if max < f32::INFINITY { max / 127.0 } else { f32::NAN }, integers)
    }

    #[inline(always)]
    unsafe fn quantize_block(v: &[v128; 8], block: *mut u8, row: usize, rows: usize) {
        let (scale, q) = round(v);
        let low = i8x16_narrow_i16x8(i16x8_narrow_i32x4(q[0], q[1]), i16x8_narrow_i32x4(q[2], q[3]));
        let high = i8x16_narrow_i16x8(i16x8_narrow_i32x4(q[4], q[5]), i16x8_narrow_i32x4(q[6], q[7]));
        let values = (block as *mut u32).add(row);
        v128_store32_lane::<0>(low, values);
        v128_store32_lane::<1>(low, values.add(rows));
        v128_store32_lane::<2>(low, values.add(2 * rows));
        v128_store32_lane::<3>(low, values.add(3 * rows));
        v128_store32_lane::<0>(high, values.add(4 * rows));
        v128_store32_lane::<1>(high, values.add(5 * rows));
        v128_store32_lane::<2>(high, values.add(6 * rows));
        v128_store32_lane::<3>(high, values.add(7 * rows));
        *(block as *mut f32).add(8 * rows + row) = scale;
        let pairs = i16x8_add(i16x8_extadd_pairwise_i8x16(low), i16x8_extadd_pairwise_i8x16(high));
        let fours = i32x4_extadd_pairwise_i16x8(pairs);
        let twos = i32x4_add(fours, i32x4_shuffle::<2, 3, 0, 1>(fours, fours));
        let sum = i32x4_extract_lane::<0>(twos) + i32x4_extract_lane::<1>(twos);
        *(block as *mut i32).add(9 * rows + row) = -8 * sum;
    }
}
