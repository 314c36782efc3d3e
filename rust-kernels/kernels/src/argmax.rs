//! The greedy choice, and the check that the network's output is made of numbers.

#[cfg(not(feature = "simd"))]
use plain as twin;
#[cfg(feature = "simd")]
use simd as twin;

/// What `argmax` and `sample` give where a value is NaN or infinite.
pub const NOT_FINITE: u32 = u32::MAX;

/// Index of the largest of `x`: f32 `[elements]`, the first among equals; [`NOT_FINITE`] if any value is NaN or infinite.
#[no_mangle]
pub unsafe extern "C" fn argmax(x: *const f32, elements: usize) -> u32 {
    twin::argmax(core::slice::from_raw_parts(x, elements))
}

/// The operation as its formula reads, in f32.
#[cfg(not(feature = "simd"))]
pub mod plain {
    use super::NOT_FINITE;

    /// As the export of this name.
    pub fn argmax(x: &[f32]) -> u32 {
        let mut best = 0;
        for (i, v) in x.iter().enumerate() {
            if !v.is_finite() {
                return NOT_FINITE;
            }
            if *v > x[best] {
                best = i;
            }
        }
        best as u32
    }
}

/// The operation in SIMD.
#[cfg(feature = "simd")]
pub mod simd {
    use super::NOT_FINITE;
    use crate::simd::constant;
    use crate::simd::load;
    use core::arch::wasm32::*;

    /// Two looks, one for the largest value and one for its place: neither has a branch that the values decide.
    pub unsafe fn argmax(x: &[f32]) -> u32 {
        let (fours, rest) = x.split_at(x.len() & !3);
        let four = |i: usize| load(fours.as_ptr().add(i));
        let magnitude = constant!(i32 i32::MAX);
        let mut magnitudes = i32x4_splat(0);
        let mut largest = f32x4_splat(f32::NEG_INFINITY);
        for i in (0..fours.len()).step_by(4) {
            // as integers, NaN and infinity are the largest magnitudes
            magnitudes = i32x4_max(magnitudes, v128_and(four(i), magnitude));
            largest = f32x4_pmax(largest, four(i));
        }
        let infinity = i32x4_splat(f32::INFINITY.to_bits() as i32);
        if v128_any_true(i32x4_ge(magnitudes, infinity)) || !rest.iter().all(|v| v.is_finite()) {
            return NOT_FINITE;
        }
        let largest = f32x4_pmax(largest, i32x4_shuffle::<2, 3, 0, 1>(largest, largest));
        let largest = f32x4_pmax(largest, i32x4_shuffle::<1, 0, 3, 2>(largest, largest));
        let largest = rest.iter().fold(f32x4_extract_lane::<0>(largest), |a, b| a.max(*b));
        for i in (0..fours.len()).step_by(4) {
            let found = i32x4_bitmask(f32x4_eq(four(i), f32x4_splat(largest)));
            if found != 0 {
                return i as u32 + found.trailing_zeros();
            }
        }
        let place = rest.iter().position(|v| *v == largest).unwrap_or(0);
        (fours.len() + place) as u32
    }
}
