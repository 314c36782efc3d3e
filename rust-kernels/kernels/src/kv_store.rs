//! Writing keys and values into a layer's cache, in the order in which attention reads them.
//!
//! Keys: `[kv head][capacity / 8][head width][8]`, eight positions side by side, so that eight scores are made at once.
//! Values: `[kv head][capacity][head width]`. Elements: `format` 0 = f32, 1 = f16. `capacity` is a multiple of 8.
use crate::half;

/// f32 elements, for the vision encoder's short-lived keys and values.
pub const F32: u32 = 0;
/// f16 elements, for the KV cache.
pub const F16: u32 = 1;

#[inline(always)]
unsafe fn put(cache: *mut u8, index: usize, x: f32, format: u32) {
    if format == F16 {
        *(cache as *mut u16).add(index) = half::from_f32(x);
    } else {
        *(cache as *mut f32).add(index) = x;
    }
}

/// `x`: f32 rows of `stride` values, `heads * head_width` used, for positions `position..position + rows`.
#[no_mangle]
pub unsafe extern "C" fn store_keys(
    cache: *mut u8,
    x: *const f32,
    position: usize,
    rows: usize,
    heads: usize,
    head_width: usize,
    stride: usize,
    capacity: usize,
    format: u32,
) {
    for r in 0..rows {
        let at = position + r;
        for h in 0..heads {
            let from = x.add(r * stride + h * head_width);
            let base = (h * capacity + at / 8 * 8) * head_width + at % 8;
            for i in 0..head_width {
                put(cache, base + i * 8, *from.add(i), format);
            }
        }
    }
}

/// As [`store_keys`], for values.
#[no_mangle]
pub unsafe extern "C" fn store_values(
    cache: *mut u8,
    x: *const f32,
    position: usize,
    rows: usize,
    heads: usize,
    head_width: usize,
    stride: usize,
    capacity: usize,
    format: u32,
) {
    for r in 0..rows {
        for h in 0..heads {
            let from = x.add(r * stride + h * head_width);
            let base = (h * capacity + position + r) * head_width;
            for i in 0..head_width {
                put(cache, base + i, *from.add(i), format);
            }
        }
    }
}
