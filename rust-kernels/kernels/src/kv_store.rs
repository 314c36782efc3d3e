//! Writing keys and values into a layer's cache, in the order in which attention reads them.
//!
//! Keys: `[kv head][capacity / 8][head width][8]`, eight slots side by side, so that eight scores are made at once.
//! Values: `[kv head][capacity][head width]`. `capacity` is a multiple of 8, `format` says what the elements are. Of
//! [`Q8`], the scales (f32, one a vector) come before the elements they belong to: keys `[kv head][capacity / 8] { scales
//! [8], elements [head width][8] }`, values `[kv head][capacity] { scale, elements [head width] }`.
use crate::activation::MAGIC;
use crate::half;

/// f32 elements, for the vision encoder's short-lived keys and values.
pub const F32: u32 = 0;
/// f16 elements, for the KV cache.
pub const F16: u32 = 1;
/// 8-bit elements, for the KV cache at half the bytes: symmetric, a scale for each vector of a slot and head.
pub const Q8: u32 = 2;

/// Slots whose keys lie side by side.
pub const GROUP: usize = 8;

/// Bytes that one vector of `width` elements takes, its scale with it.
#[inline(always)]
pub const fn vector_bytes(width: usize, format: u32) -> usize {
    match format {
        F32 => 4 * width,
        F16 => 2 * width,
        _ => width + 4,
    }
}

/// `x`: f32 rows of `stride` values, `heads * head_width` used, for slots `slot..slot + rows`.
#[no_mangle]
pub unsafe extern "C" fn store_keys(
    cache: *mut u8,
    x: *const f32,
    slot: usize,
    rows: usize,
    heads: usize,
    head_width: usize,
    stride: usize,
    capacity: usize,
    format: u32,
) {
    let bytes = vector_bytes(head_width, format);
    for r in 0..rows {
        let at = slot + r;
        for h in 0..heads {
            let group = cache.add((h * capacity + at / GROUP * GROUP) * bytes);
            put::<GROUP>(
                group,
                at % GROUP,
                x.add(r * stride + h * head_width),
                head_width,
                format,
            );
        }
    }
}

/// As [`store_keys`], for values.
#[no_mangle]
pub unsafe extern "C" fn store_values(
    cache: *mut u8,
    x: *const f32,
    slot: usize,
    rows: usize,
    heads: usize,
    head_width: usize,
    stride: usize,
    capacity: usize,
    format: u32,
) {
    let bytes = vector_bytes(head_width, format);
    for r in 0..rows {
        for h in 0..heads {
            let to = cache.add((h * capacity + slot + r) * bytes);
            put::<1>(to, 0, x.add(r * stride + h * head_width), head_width, format);
        }
    }
}

/// Writes vector `v` of `N` that lie side by side.
#[inline(always)]
unsafe fn put<const N: usize>(group: *mut u8, v: usize, x: *const f32, width: usize, format: u32) {
    match format {
        F32 => {
            for i in 0..width {
                *(group as *mut f32).add(i * N + v) = *x.add(i);
            }
        }
        F16 => {
            for i in 0..width {
                *(group as *mut u16).add(i * N + v) = half::from_f32(*x.add(i));
            }
        }
        _ => {
            let (scale, inverse) = factors(x, width);
            *(group as *mut f32).add(v) = scale;
            let elements = group.add(4 * N + v) as *mut i8;
            for i in 0..width {
                // rounded to nearest, ties to even: the magic number leaves the integer in the low bits
                let rounded = *x.add(i) * inverse + MAGIC;
                *elements.add(i * N) = rounded.to_bits().wrapping_sub(MAGIC.to_bits()) as i8;
            }
        }
    }
}

/// The scale of a vector, its largest magnitude / 127, and what its values are multiplied by: 0 where all are. A NaN or
/// an infinity makes the scale NaN, so that it reaches the output instead of vanishing in the conversion to integers.
#[inline(always)]
unsafe fn factors(x: *const f32, width: usize) -> (f32, f32) {
    // compared as integers, in which order NaN is above all
    let mut largest = 0;
    for i in 0..width {
        largest = ((*x.add(i)).to_bits() & 0x7fff_ffff).max(largest);
    }
    let largest = f32::from_bits(largest);
    let scale = if largest < f32::INFINITY {
        largest / 127.0
    } else {
        f32::NAN
    };
    let inverse = if largest > 1e-30 { 127.0 / largest } else { 0.0 };
    (scale, inverse)
}

/// Element `i` of vector `v` of `N` that lie side by side, as the plain twins read it.
#[cfg(not(feature = "simd"))]
pub unsafe fn get<const N: usize>(group: *const u8, v: usize, i: usize, format: u32) -> f32 {
    match format {
        F32 => *(group as *const f32).add(i * N + v),
        F16 => half::to_f32(*(group as *const u16).add(i * N + v)),
        _ => f32::from(*(group.add(4 * N + i * N + v) as *const i8)) * *(group as *const f32).add(v),
    }
}
