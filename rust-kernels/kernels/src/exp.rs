//! e^x in loops over many values.
use crate::activation::MAGIC;
use crate::simd::constant;
use core::arch::wasm32::*;

/// e^x in four lanes, relative error under 2e-7 on [-60, 88], constant beyond; of NaN it may be any of these
/// ([`crate::simd::max`] says why). Smaller results would lead to subnormal numbers, a hundred times slower, in sums that
/// cannot feel them.
/// Cody-Waite reduction by ln 2, then the degree-6 polynomial of Cephes' `expf`.
#[derive(Clone, Copy)]
pub struct Exp {
    range: [v128; 2],
    log2_e: v128,
    magic: v128,
    ln_2: [v128; 2],
    polynomial: [v128; 6],
    one: v128,
    exponent_of_one: v128,
}

impl Exp {
    /// To be made once, before the loop.
    #[inline(always)]
    pub fn new() -> Self {
        Self {
            range: [constant!(f32 - 60.0), constant!(f32 88.0)],
            log2_e: constant!(f32 core::f32::consts::LOG2_E),
            magic: constant!(f32 MAGIC),
            // the first has few bits, so that its products with whole numbers are exact
            ln_2: [constant!(f32 0.693_359_4), constant!(f32 - 2.121_944_4e-4)],
            polynomial: [
                constant!(f32 1.987_569_1e-4),
                constant!(f32 1.398_199_9e-3),
                constant!(f32 8.333_452e-3),
                constant!(f32 4.166_579_6e-2),
                constant!(f32 1.666_666_5e-1),
                constant!(f32 0.5),
            ],
            one: constant!(f32 1.0),
            exponent_of_one: constant!(i32 127 << 23),
        }
    }

    /// Of four values at once.
    #[inline(always)]
    pub fn of(&self, x: v128) -> v128 {
        let x = f32x4_pmax(f32x4_pmin(x, self.range[1]), self.range[0]);
        let shifted = f32x4_add(f32x4_mul(x, self.log2_e), self.magic);
        let n = f32x4_sub(shifted, self.magic);
        let r = f32x4_sub(x, f32x4_mul(n, self.ln_2[0]));
        let r = f32x4_sub(r, f32x4_mul(n, self.ln_2[1]));
        let [first, rest @ ..] = self.polynomial;
        let y = rest.into_iter().fold(first, |y, c| f32x4_add(f32x4_mul(y, r), c));
        let y = f32x4_add(f32x4_add(f32x4_mul(y, f32x4_mul(r, r)), r), self.one);
        // the low bits of the shifted value are n: as an exponent they make 2^n
        f32x4_mul(y, i32x4_add(i32x4_shl(shifted, 23), self.exponent_of_one))
    }

    /// x / (1 + e^y), what gates come down to.
    #[inline(always)]
    pub fn over_one_plus(&self, x: v128, y: v128) -> v128 {
        f32x4_div(x, f32x4_add(self.of(y), self.one))
    }
}
