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
    twin::quantize(dst, x, rows, width);
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

/// Records that are the rows themselves.
#[cfg(not(feature = "simd"))]
pub mod plain {
    /// Where row `row` of the records at `dst` lies: f32 `[width]`.
    pub unsafe fn record(dst: *mut u8, row: usize, width: usize) -> *mut f32 {
        dst.add(row * super::activation_row_bytes(width)) as *mut f32
    }

    /// As the export of this name.
    pub unsafe fn quantize(dst: *mut u8, x: *const f32, rows: usize, width: usize) {
        for r in 0..rows {
            core::ptr::copy_nonoverlapping(x.add(r * width), record(dst, r, width), width);
        }
    }

    /// As the export of this name: nothing was rounded.
    pub unsafe fn rounding_error(dst: *mut f32, _x: *const f32, width: usize) {
        core::ptr::write_bytes(dst, 0, width);
    }
}

/// Records of 8-bit blocks.
#[cfg(feature = "simd")]
pub mod simd {
    use super::{activation_row_bytes, blocks, BLOCK, TILE_ROWS};
    use crate::block::{quantize_blocks, quantize_one, Constants, BLOCK_BYTES};
    use crate::row::{write, Row};
    use crate::simd::{load, store};
    use core::arch::wasm32::*;
    use core::mem::MaybeUninit;

    /// Values that lie in memory.
    #[derive(Clone, Copy)]
    pub struct Values(pub *const f32);

    impl Row for Values {
        #[inline(always)]
        unsafe fn four(&self, i: usize) -> v128 {
            load(self.0.add(i))
        }
        #[inline(always)]
        unsafe fn one(&self, i: usize) -> f32 {
            *self.0.add(i)
        }
    }

    /// Values of a row that are made before they are quantized: few enough to stay in the first-level cache.
    const PART: usize = 8 * BLOCK;

    /// As the export of this name.
    pub unsafe fn quantize(dst: *mut u8, x: *const f32, rows: usize, width: usize) {
        let row_bytes = activation_row_bytes(width);
        let whole = width - width % BLOCK;
        let mut tail = [0.0f32; TILE_ROWS * BLOCK];
        for first in (0..rows).step_by(TILE_ROWS) {
            let n = TILE_ROWS.min(rows - first);
            let (tile, x) = (dst.add(first * row_bytes), x.add(first * width));
            quantize_blocks(tile, x, width, n, whole / BLOCK);
            if whole < width {
                for r in 0..n {
                    write(
                        tail.as_mut_ptr().add(r * BLOCK),
                        Values(x.add(r * width)),
                        whole,
                        width - whole,
                    );
                }
                quantize_blocks(tile.add(whole / BLOCK * n * BLOCK_BYTES), tail.as_ptr(), BLOCK, n, 1);
            }
        }
    }

    /// Records of rows that are made on the way, part by part: `row` begins one.
    #[inline(always)]
    pub unsafe fn quantize_rows<R: Row>(dst: *mut u8, rows: usize, width: usize, row: impl Fn(usize) -> R) {
        let row_bytes = activation_row_bytes(width);
        let mut values = MaybeUninit::<[f32; TILE_ROWS * PART]>::uninit();
        let values = values.as_mut_ptr() as *mut f32;
        let whole = rows - rows % TILE_ROWS;
        for first in (0..whole).step_by(TILE_ROWS) {
            let tile: [R; TILE_ROWS] = core::array::from_fn(|r| row(first + r));
            let mut block = dst.add(first * row_bytes);
            for from in (0..width).step_by(PART) {
                for (r, row) in tile.iter().enumerate() {
                    make_part(values.add(r * PART), row, from, width);
                }
                let count = blocks(PART.min(width - from));
                quantize_blocks(block, values, PART, TILE_ROWS, count);
                block = block.add(TILE_ROWS * count * BLOCK_BYTES);
            }
        }
        let left = rows - whole;
        for r in 0..left {
            let row = row(whole + r);
            let mut block = dst.add(whole * row_bytes);
            for from in (0..width).step_by(PART) {
                make_part(values, &row, from, width);
                let count = blocks(PART.min(width - from));
                quantize_one(block, values, r, left, count);
                block = block.add(left * count * BLOCK_BYTES);
            }
        }
    }

    /// Values from `from` on, as many as a part or the row has, the last block filled up with zeros.
    #[inline(never)]
    unsafe fn make_part<R: Row>(dst: *mut f32, row: &R, from: usize, width: usize) {
        let n = PART.min(width - from);
        write(dst, *row, from, n);
        core::ptr::write_bytes(dst.add(n), 0, n.next_multiple_of(BLOCK) - n);
    }

    /// As the export of this name.
    pub unsafe fn rounding_error(dst: *mut f32, x: *const f32, width: usize) {
        let constants = Constants::new();
        let mut values = [0.0f32; BLOCK];
        for b in 0..blocks(width) {
            let left = (width - b * BLOCK).min(BLOCK);
            core::ptr::copy_nonoverlapping(x.add(b * BLOCK), values.as_mut_ptr(), left);
            values[left..].fill(0.0);
            let v: [v128; 8] = core::array::from_fn(|i| load(values.as_ptr().add(4 * i)));
            let (scale, inverse) = constants.factors(constants.largest(&v));
            for (i, v) in v.into_iter().enumerate() {
                let back = f32x4_mul(f32x4_convert_i32x4(constants.round(v, inverse)), scale);
                store(values.as_mut_ptr().add(4 * i), f32x4_sub(v, back));
            }
            core::ptr::copy_nonoverlapping(values.as_ptr(), dst.add(b * BLOCK), left);
        }
    }
}
