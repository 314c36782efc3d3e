//! One row of a result in the making: what a fused kernel and its unfused pair share, so that both give the same bits.
use crate::simd::{horizontal_sum, store};
use core::arch::wasm32::*;

/// A row whose values are made when they are asked for. Loops take it by value: what lies in memory would be read anew
/// after every store, which might have changed it.
pub trait Row: Copy {
    /// Values `i..i + 4`.
    unsafe fn four(&self, i: usize) -> v128;
    /// Value `i`, with the bits that `four` would give it.
    unsafe fn one(&self, i: usize) -> f32;
}

/// Writes `n` values of a row, from `from` on, to `dst`.
#[inline(always)]
pub unsafe fn write(dst: *mut f32, row: impl Row, from: usize, n: usize) {
    let whole = n & !3;
    for i in (0..whole).step_by(4) {
        store(dst.add(i), row.four(from + i));
    }
    for i in whole..n {
        *dst.add(i) = row.one(from + i);
    }
}

/// Sum of a row's `width` values, in two chains, since an addition takes as long as two can begin.
#[inline(always)]
pub unsafe fn sum(row: impl Row, width: usize) -> f32 {
    let whole = width & !7;
    let (mut s0, mut s1) = (f32x4_splat(0.0), f32x4_splat(0.0));
    for i in (0..whole).step_by(8) {
        s0 = f32x4_add(s0, row.four(i));
        s1 = f32x4_add(s1, row.four(i + 4));
    }
    let mut sum = horizontal_sum(f32x4_add(s0, s1));
    for i in whole..width {
        sum += row.one(i);
    }
    sum
}
