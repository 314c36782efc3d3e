//! y = (x - mean) / sqrt(variance + eps) * weight + bias, row by row (Ba et al., arXiv 1607.06450).

#[cfg(not(feature = "simd"))]
use plain as twin;
#[cfg(feature = "simd")]
use simd as twin;

/// `dst`, `x`: f32 `[rows][width]`, may be the same; `weight`, `bias`: f32 `[width]`.
#[no_mangle]
pub unsafe extern "C" fn layer_norm(
    dst: *mut f32,
    x: *const f32,
    weight: *const f32,
    bias: *const f32,
    rows: usize,
    width: usize,
    eps: f32,
) {
    for r in 0..rows {
        twin::layer_norm_row(dst.add(r * width), x.add(r * width), weight, bias, width, eps);
    }
}

pub mod plain {
    use crate::math::inverse_sqrt;

    pub unsafe fn layer_norm_row(
        dst: *mut f32,
        x: *const f32,
        weight: *const f32,
        bias: *const f32,
        width: usize,
        eps: f32,
    ) {
        let (mut sum, mut squares) = (0.0f64, 0.0f64);
        for i in 0..width {
            sum += f64::from(*x.add(i));
        }
        let mean = sum / width as f64;
        for i in 0..width {
            squares += (f64::from(*x.add(i)) - mean) * (f64::from(*x.add(i)) - mean);
        }
        let scale = inverse_sqrt((squares / width as f64) as f32 + eps);
        for i in 0..width {
            *dst.add(i) = (*x.add(i) - mean as f32) * scale * *weight.add(i) + *bias.add(i);
        }
    }
}

#[cfg(feature = "simd")]
pub mod simd {
    use crate::simd::{horizontal_sum, load, store};
    use core::arch::wasm32::*;

    pub unsafe fn layer_norm_row(
        dst: *mut f32,
        x: *const f32,
        weight: *const f32,
        bias: *const f32,
        width: usize,
        eps: f32,
    ) {
        let whole = width & !3;
        let mut sums = f32x4_splat(0.0);
        for i in (0..whole).step_by(4) {
            sums = f32x4_add(sums, load(x.add(i)));
        }
        let mut sum = horizontal_sum(sums);
        for i in whole..width {
            sum += *x.add(i);
        }
        let mean = sum / width as f32;
        let m = f32x4_splat(mean);
        let mut squares = f32x4_splat(0.0);
        for i in (0..whole).step_by(4) {
            let d = f32x4_sub(load(x.add(i)), m);
            squares = f32x4_add(squares, f32x4_mul(d, d));
        }
        let mut variance = horizontal_sum(squares);
        for i in whole..width {
            variance += (*x.add(i) - mean) * (*x.add(i) - mean);
        }
        let scale = f32x4_div(f32x4_splat(1.0), f32x4_sqrt(f32x4_splat(variance / width as f32 + eps)));
        for i in (0..whole).step_by(4) {
            let y = f32x4_mul(f32x4_mul(f32x4_sub(load(x.add(i)), m), scale), load(weight.add(i)));
            store(dst.add(i), f32x4_add(y, load(bias.add(i))));
        }
        for i in whole..width {
            *dst.add(i) = (*x.add(i) - mean) * f32x4_extract_lane::<0>(scale) * *weight.add(i) + *bias.add(i);
        }
    }
}
