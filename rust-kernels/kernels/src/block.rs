//! A block of a tile in the making: what `quantize` does with 32 values of each of its rows.
use crate::activation::{BLOCK, MAGIC, TILE_ROWS};
use crate::kept::kept;
use crate::simd::{lane, load};
use crate::transpose::transpose;
use core::arch::wasm32::*;
use core::hint::black_box;

/// One row of a block: 32 values, a scale, a start.
pub const BLOCK_BYTES: usize = BLOCK + 8;

/// Leaves the magnitude of a float; those are compared as integers, in which order NaN is above all.
const MAGNITUDE: v128 = i32x4(i32::MAX, i32::MAX, i32::MAX, i32::MAX);

/// One block of a tile of `rows` that lie `stride` values apart.
pub unsafe fn quantize_block(block: *mut u8, x: *const f32, stride: usize, rows: usize) {
    if rows == TILE_ROWS {
        quantize_four(block, x, stride);
    } else {
        for r in 0..rows {
            quantize_one(block, x.add(r * stride), r, rows);
        }
    }
}

/// Row `row` of a block of `rows`.
#[inline(never)]
pub unsafe fn quantize_one(block: *mut u8, x: *const f32, row: usize, rows: usize) {
    let (scale, inverse) = factors(largest(x));
    let values = (block as *mut u32).add(row);
    let mut sums = i32x4_splat(0);
    for half in 0..2 {
        let bytes = round_half(x.add(16 * half), inverse);
        sums = i32x4_add(sums, sums_of_four(bytes));
        let to = values.add(4 * half * rows);
        v128_store32_lane::<0>(bytes, to);
        v128_store32_lane::<1>(bytes, to.add(rows));
        v128_store32_lane::<2>(bytes, to.add(2 * rows));
        v128_store32_lane::<3>(bytes, to.add(3 * rows));
    }
    let sums = i32x4_add(sums, i32x4_shuffle::<2, 3, 0, 1>(sums, sums));
    let sum = i32x4_extract_lane::<0>(sums) + i32x4_extract_lane::<1>(sums);
    *(block as *mut f32).add(8 * rows + row) = f32x4_extract_lane::<0>(scale);
    *(block as *mut i32).add(9 * rows + row) = -8 * sum;
}

/// A block of a full tile: what follows from a row's largest magnitude is worked out for four rows at once, and
/// narrowing puts the words of four rows side by side, as the record has them.
#[inline(never)]
pub unsafe fn quantize_four(block: *mut u8, x: *const f32, stride: usize) {
    let rows = [x, x.add(stride), x.add(2 * stride), x.add(3 * stride)];
    // a loop, since V8 moves what is alike in unrolled steps together and runs out of registers
    let steps = black_box(BLOCK / 4);
    let (mask, magic) = (kept(MAGNITUDE), kept(f32x4_splat(MAGIC)));
    let mut largest = [i32x4_splat(0); TILE_ROWS];
    for step in 0..steps {
        for r in 0..TILE_ROWS {
            largest[r] = i32x4_max(largest[r], v128_and(load(rows[r].add(4 * step)), mask));
        }
    }
    let [a, b, c, d] = transpose(largest);
    let (scale, inverse) = factors(i32x4_max(i32x4_max(a, b), i32x4_max(c, d)));
    let inverses = [
        lane::<0>(inverse),
        lane::<1>(inverse),
        lane::<2>(inverse),
        lane::<3>(inverse),
    ];
    let mut sums = i32x4_splat(0);
    for step in 0..steps {
        let q = [0, 1, 2, 3].map(|r| round_by(load(rows[r].add(4 * step)), inverses[r], magic));
        let bytes = i8x16_narrow_i16x8(i16x8_narrow_i32x4(q[0], q[1]), i16x8_narrow_i32x4(q[2], q[3]));
        sums = i32x4_add(sums, sums_of_four(bytes));
        v128_store((block as *mut v128).add(step), bytes);
    }
    v128_store((block as *mut v128).add(8), scale);
    v128_store((block as *mut v128).add(9), i32x4_neg(i32x4_shl(sums, 3)));
}

/// A block's largest magnitude, in all lanes.
#[inline(always)]
pub unsafe fn largest(x: *const f32) -> v128 {
    let magnitudes = |i: usize| v128_and(load(x.add(i)), MAGNITUDE);
    let mut m = [magnitudes(0), magnitudes(4)];
    for i in (8..BLOCK).step_by(8) {
        m = [i32x4_max(m[0], magnitudes(i)), i32x4_max(m[1], magnitudes(i + 4))];
    }
    let m = i32x4_max(m[0], m[1]);
    let m = i32x4_max(m, i32x4_shuffle::<2, 3, 0, 1>(m, m));
    i32x4_max(m, i32x4_shuffle::<1, 0, 3, 2>(m, m))
}

/// Symmetric: scale = largest magnitude / 127; the second factor is its inverse, 0 for a block of zeros. A NaN or
/// infinity makes the scale NaN, so that it reaches the output instead of vanishing in the conversion to integers.
#[inline(always)]
pub fn factors(largest: v128) -> (v128, v128) {
    let most = f32x4_splat(127.0);
    let finite = f32x4_lt(largest, f32x4_splat(f32::INFINITY));
    let scale = v128_bitselect(f32x4_div(largest, most), f32x4_splat(f32::NAN), finite);
    let inverse = v128_and(f32x4_div(most, largest), f32x4_gt(largest, f32x4_splat(1e-30)));
    (scale, inverse)
}

/// As [`round_by`], outside of loops.
#[inline(always)]
pub fn round(v: v128, inverse: v128) -> v128 {
    round_by(v, inverse, f32x4_splat(MAGIC))
}

/// Rounded to nearest, ties to even: adding the magic number does it and leaves the integer in the low bits.
#[inline(always)]
fn round_by(v: v128, inverse: v128, magic: v128) -> v128 {
    i32x4_sub(f32x4_add(f32x4_mul(v, inverse), magic), magic)
}

/// 16 values as bytes.
#[inline(always)]
unsafe fn round_half(x: *const f32, inverse: v128) -> v128 {
    let q = [0, 4, 8, 12].map(|i| round(load(x.add(i)), inverse));
    i8x16_narrow_i16x8(i16x8_narrow_i32x4(q[0], q[1]), i16x8_narrow_i32x4(q[2], q[3]))
}

#[inline(always)]
fn sums_of_four(bytes: v128) -> v128 {
    i32x4_extadd_pairwise_i16x8(i16x8_extadd_pairwise_i8x16(bytes))
}
