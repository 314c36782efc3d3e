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

/// `quantize` of what [`layer_norm`] gives, to the bit, without the rows in between. `dst`: `rows` activation records.
#[no_mangle]
pub unsafe extern "C" fn layer_norm_quantize(
    dst: *mut u8,
    x: *const f32,
    weight: *const f32,
    bias: *const f32,
    rows: usize,
    width: usize,
    eps: f32,
) {
    twin::layer_norm_quantize(dst, x, weight, bias, rows, width, eps);
}

/// The operation as its formula reads, in f32.
#[cfg(not(feature = "simd"))]
pub mod plain {
    use crate::activation::plain::record;
    use crate::math::inverse_sqrt;

    /// One row, as the export `layer_norm` makes it.
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

    /// As the export of this name.
    pub unsafe fn layer_norm_quantize(
        dst: *mut u8,
        x: *const f32,
        weight: *const f32,
        bias: *const f32,
        rows: usize,
        width: usize,
        eps: f32,
    ) {
        for r in 0..rows {
            layer_norm_row(record(dst, r, width), x.add(r * width), weight, bias, width, eps);
        }
    }
}

/// The operation in SIMD.
#[cfg(feature = "simd")]
pub mod simd {
    use crate::activation::simd::{quantize_rows, Values};
    use crate::row::{sum, write, Row};
    use crate::simd::load;
    use core::arch::wasm32::*;

    #[derive(Clone, Copy)]
    struct SquaredDistances {
        x: *const f32,
        mean: v128,
    }

    impl Row for SquaredDistances {
        #[inline(always)]
        unsafe fn four(&self, i: usize) -> v128 {
            let d = f32x4_sub(load(self.x.add(i)), self.mean);
            f32x4_mul(d, d)
        }
        #[inline(always)]
        unsafe fn one(&self, i: usize) -> f32 {
            let d = *self.x.add(i) - f32x4_extract_lane::<0>(self.mean);
            d * d
        }
    }

    #[derive(Clone, Copy)]
    struct Normalised {
        x: *const f32,
        weight: *const f32,
        bias: *const f32,
        mean: v128,
        scale: v128,
    }

    impl Normalised {
        #[inline(never)]
        unsafe fn new(x: *const f32, weight: *const f32, bias: *const f32, width: usize, eps: f32) -> Self {
            let mean = f32x4_splat(sum(Values(x), width) / width as f32);
            let variance = sum(SquaredDistances { x, mean }, width) / width as f32;
            let scale = f32x4_div(f32x4_splat(1.0), f32x4_sqrt(f32x4_splat(variance + eps)));
            Self {
                x,
                weight,
                bias,
                mean,
                scale,
            }
        }
    }

    impl Row for Normalised {
        #[inline(always)]
        unsafe fn four(&self, i: usize) -> v128 {
            let y = f32x4_mul(f32x4_sub(load(self.x.add(i)), self.mean), self.scale);
            f32x4_add(f32x4_mul(y, load(self.weight.add(i))), load(self.bias.add(i)))
        }
        #[inline(always)]
        unsafe fn one(&self, i: usize) -> f32 {
            let y = (*self.x.add(i) - f32x4_extract_lane::<0>(self.mean)) * f32x4_extract_lane::<0>(self.scale);
            y * *self.weight.add(i) + *self.bias.add(i)
        }
    }

    /// One row, as the export `layer_norm` makes it.
    pub unsafe fn layer_norm_row(
        dst: *mut f32,
        x: *const f32,
        weight: *const f32,
        bias: *const f32,
        width: usize,
        eps: f32,
    ) {
        write(dst, Normalised::new(x, weight, bias, width, eps), 0, width);
    }

    /// As the export of this name.
    pub unsafe fn layer_norm_quantize(
        dst: *mut u8,
        x: *const f32,
        weight: *const f32,
        bias: *const f32,
        rows: usize,
        width: usize,
        eps: f32,
    ) {
        quantize_rows(dst, rows, width, |r| {
            Normalised::new(x.add(r * width), weight, bias, width, eps)
        });
    }
}
