//! A block of a tile in the making: what `quantize` does with 32 values of each of its rows.
use crate::activation::{BLOCK, MAGIC, TILE_ROWS};
use crate::simd::constant;
use crate::simd::{lane, load};
use crate::transpose::transpose;
use core::arch::wasm32::*;
use core::hint::black_box;

/// One row of a block: 32 values, a scale, a start.
pub const BLOCK_BYTES: usize = BLOCK + 8;

/// `count` blocks of a tile of `rows` that lie `stride` values apart.
pub unsafe fn quantize_blocks(tile: *mut u8, x: *const f32, stride: usize, rows: usize, count: usize) {
    if rows == TILE_ROWS {
        for b in 0..count {
            quantize_four(tile.add(b * TILE_ROWS * BLOCK_BYTES), x.add(b * BLOCK), stride);
        }
    } else {
        for r in 0..rows {
            quantize_one(tile, x.add(r * stride), r, rows, count);
        }
    }
}

/// Row `row` of `count` blocks of a tile of `rows`.
#[inline(never)]
pub unsafe fn quantize_one(mut block: *mut u8, mut x: *const f32, row: usize, rows: usize, count: usize) {
    let constants = Constants::new();
    for _ in 0..count {
        let v: [v128; 8] = core::array::from_fn(|i| load(x.add(4 * i)));
        let (scale, inverse) = constants.factors(constants.largest(&v));
        let q = v.map(|v| constants.round(v, inverse));
        let low = i8x16_narrow_i16x8(i16x8_narrow_i32x4(q[0], q[1]), i16x8_narrow_i32x4(q[2], q[3]));
        let high = i8x16_narrow_i16x8(i16x8_narrow_i32x4(q[4], q[5]), i16x8_narrow_i32x4(q[6], q[7]));
        let sums = i32x4_add(
            i32x4_add(i32x4_add(q[0], q[1]), i32x4_add(q[2], q[3])),
            i32x4_add(i32x4_add(q[4], q[5]), i32x4_add(q[6], q[7])),
        );
        let to = (block as *mut u32).add(row);
        if rows == 1 {
            v128_store(to as *mut v128, low);
            v128_store((to as *mut v128).add(1), high);
        } else {
            v128_store32_lane::<0>(low, to);
            v128_store32_lane::<1>(low, to.add(rows));
            v128_store32_lane::<2>(low, to.add(2 * rows));
            v128_store32_lane::<3>(low, to.add(3 * rows));
            v128_store32_lane::<0>(high, to.add(4 * rows));
            v128_store32_lane::<1>(high, to.add(5 * rows));
            v128_store32_lane::<2>(high, to.add(6 * rows));
            v128_store32_lane::<3>(high, to.add(7 * rows));
        }
        let sums = i32x4_add(sums, i32x4_shuffle::<2, 3, 0, 1>(sums, sums));
        let sum = i32x4_extract_lane::<0>(sums) + i32x4_extract_lane::<1>(sums);
        *(block as *mut f32).add(8 * rows + row) = f32x4_extract_lane::<0>(scale);
        *(block as *mut i32).add(9 * rows + row) = -8 * sum;
        block = block.add(rows * BLOCK_BYTES);
        x = x.add(BLOCK);
    }
}

/// A block of a full tile: what follows from a row's largest magnitude is worked out for four rows at once, and
/// narrowing puts the words of four rows side by side, as the record has them.
#[inline(never)]
unsafe fn quantize_four(block: *mut u8, x: *const f32, stride: usize) {
    let rows = [x, x.add(stride), x.add(2 * stride), x.add(3 * stride)];
    // a loop, since V8 moves what is alike in unrolled steps together and runs out of registers
    let steps = black_box(BLOCK / 4);
    let constants = Constants::new();
    let mut largest = [i32x4_splat(0); TILE_ROWS];
    for step in 0..steps {
        for r in 0..TILE_ROWS {
            largest[r] = i32x4_max(largest[r], v128_and(load(rows[r].add(4 * step)), constants.magnitude));
        }
    }
    let [a, b, c, d] = transpose(largest);
    let (scale, inverse) = constants.factors(i32x4_max(i32x4_max(a, b), i32x4_max(c, d)));
    let inverses = [
        lane::<0>(inverse),
        lane::<1>(inverse),
        lane::<2>(inverse),
        lane::<3>(inverse),
    ];
    // 8 x 127 at most: 16 bits hold the sums of one place of all steps
    let (mut sums01, mut sums23) = (i16x8_splat(0), i16x8_splat(0));
    for step in 0..steps {
        let q = [0, 1, 2, 3].map(|r| constants.round(load(rows[r].add(4 * step)), inverses[r]));
        let (q01, q23) = (i16x8_narrow_i32x4(q[0], q[1]), i16x8_narrow_i32x4(q[2], q[3]));
        sums01 = i16x8_add(sums01, q01);
        sums23 = i16x8_add(sums23, q23);
        v128_store((block as *mut v128).add(step), i8x16_narrow_i16x8(q01, q23));
    }
    let (sums01, sums23) = (i32x4_extadd_pairwise_i16x8(sums01), i32x4_extadd_pairwise_i16x8(sums23));
    let sums = i32x4_add(
        i32x4_shuffle::<0, 2, 4, 6>(sums01, sums23),
        i32x4_shuffle::<1, 3, 5, 7>(sums01, sums23),
    );
    v128_store((block as *mut v128).add(8), scale);
    v128_store((block as *mut v128).add(9), i32x4_neg(i32x4_shl(sums, 3)));
}

/// What the steps of a block need in every round of a loop.
#[derive(Clone, Copy)]
pub struct Constants {
    magnitude: v128,
    most: v128,
    least: v128,
    infinity: v128,
    nan: v128,
    magic: v128,
}

impl Constants {
    /// All of them, read from their fixed addresses.
    #[inline(always)]
    pub fn new() -> Self {
        Self {
            magnitude: constant!(i32 i32::MAX),
            most: constant!(f32 127.0),
            least: constant!(f32 1e-30),
            infinity: constant!(f32 f32::INFINITY),
            nan: constant!(f32 f32::NAN),
            magic: constant!(f32 MAGIC),
        }
    }

    /// A block's largest magnitude, in all lanes; compared as integers, in which order NaN is above all.
    #[inline(always)]
    pub fn largest(&self, v: &[v128; 8]) -> v128 {
        let m = v.map(|v| v128_and(v, self.magnitude));
        let (a, b) = (i32x4_max(m[0], m[1]), i32x4_max(m[2], m[3]));
        let (c, d) = (i32x4_max(m[4], m[5]), i32x4_max(m[6], m[7]));
        let m = i32x4_max(i32x4_max(a, b), i32x4_max(c, d));
        let m = i32x4_max(m, i32x4_shuffle::<2, 3, 0, 1>(m, m));
        i32x4_max(m, i32x4_shuffle::<1, 0, 3, 2>(m, m))
    }

    /// Symmetric: scale = largest magnitude / 127; the second factor is its inverse, 0 for a block of zeros. A NaN or
    /// infinity makes the scale NaN, so that it reaches the output instead of vanishing in the conversion to integers.
    #[inline(always)]
    pub fn factors(&self, largest: v128) -> (v128, v128) {
        let finite = f32x4_lt(largest, self.infinity);
        let scale = v128_bitselect(f32x4_div(largest, self.most), self.nan, finite);
        let inverse = v128_and(f32x4_div(self.most, largest), f32x4_gt(largest, self.least));
        (scale, inverse)
    }

    /// Rounded to nearest, ties to even: adding the magic number does it and leaves the integer in the low bits.
    #[inline(always)]
    pub fn round(&self, v: v128, inverse: v128) -> v128 {
        i32x4_sub(f32x4_add(f32x4_mul(v, inverse), self.magic), self.magic)
    }
}
