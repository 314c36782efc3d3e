//! What follows the encoder's first feed-forward product, as its epilogue or on the way into the second one's records:
//! gelu(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), the tanh form (Hendrycks and Gimpel, arXiv 1606.08415).

#[cfg(not(feature = "simd"))]
use plain as twin;
#[cfg(feature = "simd")]
use simd as twin;

/// `quantize` of gelu(x), with the bits that the epilogue gives it. `dst`: `rows` activation records; `x`: f32
/// `[rows][width]`.
#[no_mangle]
pub unsafe extern "C" fn gelu_quantize(dst: *mut u8, x: *const f32, rows: usize, width: usize) {
    twin::gelu_quantize(dst, x, rows, width);
}

/// The operation as its formula reads, in f32.
pub mod plain {
    /// GELU in its form with tanh, of one value.
    pub fn gelu_one(x: f32) -> f32 {
        0.5 * x * (1.0 + crate::math::tanh(0.797_884_6 * (x + 0.044_715 * x * x * x)))
    }

    /// As the export of this name.
    #[cfg(not(feature = "simd"))]
    pub unsafe fn gelu_quantize(dst: *mut u8, x: *const f32, rows: usize, width: usize) {
        for r in 0..rows {
            let record = crate::activation::plain::record(dst, r, width);
            for i in 0..width {
                *record.add(i) = gelu_one(*x.add(r * width + i));
            }
        }
    }
}

/// The operation in SIMD.
#[cfg(feature = "simd")]
pub mod simd {
    use crate::activation::simd::quantize_rows;
    use crate::exp::Exp;
    use crate::row::Row;
    use crate::simd::constant;
    use crate::simd::load;
    use core::arch::wasm32::*;

    /// For one value at a time of a product.
    #[inline(always)]
    pub fn gelu4(x: v128) -> v128 {
        Gelu::new().of(x)
    }

    /// Its constants, made once before a loop.
    #[derive(Clone, Copy)]
    struct Gelu {
        exp: Exp,
        cubic: v128,
        factor: v128,
    }

    impl Gelu {
        #[inline(always)]
        fn new() -> Self {
            Self {
                exp: Exp::new(),
                cubic: constant!(f32 0.044_715),
                // -2 sqrt(2 / pi)
                factor: constant!(f32 - 1.595_769_1),
            }
        }

        /// x / 2 * (1 + tanh u) = x / (1 + e^-2u)
        #[inline(always)]
        fn of(&self, x: v128) -> v128 {
            let cube = f32x4_mul(f32x4_mul(x, x), x);
            let minus_2u = f32x4_mul(f32x4_add(x, f32x4_mul(cube, self.cubic)), self.factor);
            self.exp.over_one_plus(x, minus_2u)
        }
    }

    #[derive(Clone, Copy)]
    struct Activated {
        x: *const f32,
        gelu: Gelu,
    }

    impl Row for Activated {
        #[inline(always)]
        unsafe fn four(&self, i: usize) -> v128 {
            self.gelu.of(load(self.x.add(i)))
        }
        #[inline(always)]
        unsafe fn one(&self, i: usize) -> f32 {
            f32x4_extract_lane::<0>(self.gelu.of(f32x4_splat(*self.x.add(i))))
        }
    }

    /// As the export of this name.
    pub unsafe fn gelu_quantize(dst: *mut u8, x: *const f32, rows: usize, width: usize) {
        let gelu = Gelu::new();
        quantize_rows(dst, rows, width, |r| Activated {
            x: x.add(r * width),
            gelu,
        });
    }
}
