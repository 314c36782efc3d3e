//! What follows the encoder's first feed-forward product, as its epilogue:
//! gelu(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), the tanh form (Hendrycks and Gimpel, arXiv 1606.08415).

pub mod plain {
    pub fn gelu_one(x: f32) -> f32 {
        0.5 * x * (1.0 + crate::math::tanh(0.797_884_6 * (x + 0.044_715 * x * x * x)))
    }
}

#[cfg(feature = "simd")]
pub mod simd {
    use crate::simd::{constant, exp};
    use core::arch::wasm32::*;

    /// x / 2 * (1 + tanh u) = x / (1 + e^-2u)
    #[inline(always)]
    pub fn gelu4(x: v128) -> v128 {
        let cube = f32x4_mul(f32x4_mul(x, x), x);
        let u = f32x4_mul(
            f32x4_add(x, f32x4_mul(cube, constant!(f32 0.044_715))),
            constant!(f32 - 1.595_769_1),
        );
        f32x4_div(x, f32x4_add(exp(u), constant!(f32 1.0)))
    }
}
