//! y = x / sqrt(mean(x^2) + eps) * weight, row by row (Zhang and Sennrich, arXiv 1910.07467).

#[cfg(not(feature = "simd"))]
use plain as twin;
#[cfg(feature = "simd")]
use simd as twin;

/// `dst`, `x`: f32 `[rows][width]`, may be the same; `weight`: f32 `[width]`.
#[no_mangle]
pub unsafe extern "C" fn rms_norm(
    dst: *mut f32,
    x: *const f32,
    weight: *const f32,
    rows: usize,
    width: usize,
    eps: f32,
) {
    for r in 0..rows {
        twin::rms_norm_row(dst.add(r * width), x.add(r * width), weight, width, eps);
    }
}

pub mod plain {
    use crate::math::inverse_sqrt;

    pub unsafe fn rms_norm_row(dst: *mut f32, x: *const f32, weight: *const f32, width: usize, eps: f32) {
        let mut sum = 0.0f64;
        for i in 0..width {
            sum += f64::from(*x.add(i)) * f64::from(*x.add(i));
        }
        let scale = inverse_sqrt((sum / width as f64) as f32 + eps);
        for i in 0..width {
            *dst.add(i) = *x.add(i) * scale * *weight.add(i);
        }
    }
}

#[cfg(feature = "simd")]
pub mod simd {
    use crate::simd::{horizontal_sum, load, store};
    use core::arch::wasm32::*;

    pub unsafe fn rms_norm_row(dst: *mut f32, x: *const f32, weight: *const f32, width: usize, eps: f32) {
        let (mut s0, mut s1) = (f32x4_splat(0.0), f32x4_splat(0.0));
        let mut i = 0;
        while i + 8 <= width {
            let (a, b) = (load(x.add(i)), load(x.add(i + 4)));
            s0 = f32x4_add(s0, f32x4_mul(a, a));
            s1 = f32x4_add(s1, f32x4_mul(b, b));
            i += 8;
        }
        let mut sum = horizontal_sum(f32x4_add(s0, s1));
        while i < width {
            sum += *x.add(i) * *x.add(i);
            i += 1;
        }
        let root = f32x4_sqrt(f32x4_splat(sum / width as f32 + eps));
        let scale = f32x4_div(f32x4_splat(1.0), root);
        i = 0;
        while i + 4 <= width {
            store(
                dst.add(i),
                f32x4_mul(f32x4_mul(load(x.add(i)), scale), load(weight.add(i))),
            );
            i += 4;
        }
        while i < width {
            *dst.add(i) = *x.add(i) * f32x4_extract_lane::<0>(scale) * *weight.add(i);
            i += 1;
        }
    }
}
