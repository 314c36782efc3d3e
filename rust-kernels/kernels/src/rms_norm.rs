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

/// `quantize` of what [`rms_norm`] gives, to the bit, without the rows in between. `dst`: `rows` activation records.
#[no_mangle]
pub unsafe extern "C" fn rms_norm_quantize(
    dst: *mut u8,
    x: *const f32,
    weight: *const f32,
    rows: usize,
    width: usize,
    eps: f32,
) {
    twin::rms_norm_quantize(dst, x, weight, rows, width, eps);
}

/// The operation as its formula reads, in f32.
#[cfg(not(feature = "simd"))]
pub mod plain {
    use crate::activation::plain::record;
    use crate::math::inverse_sqrt;

    /// One row, as the export `rms_norm` makes it.
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

    /// As the export of this name.
    pub unsafe fn rms_norm_quantize(
        dst: *mut u8,
        x: *const f32,
        weight: *const f32,
        rows: usize,
        width: usize,
        eps: f32,
    ) {
        for r in 0..rows {
            rms_norm_row(record(dst, r, width), x.add(r * width), weight, width, eps);
        }
    }
}

/// The operation in SIMD.
#[cfg(feature = "simd")]
pub mod simd {
    use crate::activation::simd::quantize_rows;
    use crate::row::{sum, write, Row};
    use crate::simd::load;
    use core::arch::wasm32::*;

    #[derive(Clone, Copy)]
    struct Squares(*const f32);

    impl Row for Squares {
        #[inline(always)]
        unsafe fn four(&self, i: usize) -> v128 {
            f32x4_mul(load(self.0.add(i)), load(self.0.add(i)))
        }
        #[inline(always)]
        unsafe fn one(&self, i: usize) -> f32 {
            *self.0.add(i) * *self.0.add(i)
        }
    }

    #[derive(Clone, Copy)]
    struct Normalised {
        x: *const f32,
        weight: *const f32,
        scale: v128,
    }

    impl Normalised {
        #[inline(never)]
        unsafe fn new(x: *const f32, weight: *const f32, width: usize, eps: f32) -> Self {
            let root = f32x4_sqrt(f32x4_splat(sum(Squares(x), width) / width as f32 + eps));
            let scale = f32x4_div(f32x4_splat(1.0), root);
            Self { x, weight, scale }
        }
    }

    impl Row for Normalised {
        #[inline(always)]
        unsafe fn four(&self, i: usize) -> v128 {
            f32x4_mul(f32x4_mul(load(self.x.add(i)), self.scale), load(self.weight.add(i)))
        }
        #[inline(always)]
        unsafe fn one(&self, i: usize) -> f32 {
            *self.x.add(i) * f32x4_extract_lane::<0>(self.scale) * *self.weight.add(i)
        }
    }

    /// One row, as the export `rms_norm` makes it.
    pub unsafe fn rms_norm_row(dst: *mut f32, x: *const f32, weight: *const f32, width: usize, eps: f32) {
        write(dst, Normalised::new(x, weight, width, eps), 0, width);
    }

    /// As the export of this name.
    pub unsafe fn rms_norm_quantize(
        dst: *mut u8,
        x: *const f32,
        weight: *const f32,
        rows: usize,
        width: usize,
        eps: f32,
    ) {
        quantize_rows(dst, rows, width, |r| {
            Normalised::new(x.add(r * width), weight, width, eps)
        });
    }
}
