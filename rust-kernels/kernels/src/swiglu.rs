//! dst = silu(gate) * up, silu(x) = x / (1 + e^-x) (Shazeer, arXiv 2002.05202).

#[cfg(not(feature = "simd"))]
use plain as twin;
#[cfg(feature = "simd")]
use simd as twin;

/// `dst`, `gate`, `up`: f32 `[elements]`; `dst` may be `gate`.
#[no_mangle]
pub unsafe extern "C" fn swiglu(dst: *mut f32, gate: *const f32, up: *const f32, elements: usize) {
    twin::swiglu(dst, gate, up, elements);
}

/// `quantize` of what [`swiglu`] gives, to the bit, without the rows in between. `dst`: `rows` activation records;
/// `gate`, `up`: f32 `[rows][width]`.
#[no_mangle]
pub unsafe extern "C" fn swiglu_quantize(dst: *mut u8, gate: *const f32, up: *const f32, rows: usize, width: usize) {
    twin::swiglu_quantize(dst, gate, up, rows, width);
}

/// The operation as its formula reads, in f32.
#[cfg(not(feature = "simd"))]
pub mod plain {
    use crate::activation::plain::record;

    /// As the export of this name.
    pub unsafe fn swiglu(dst: *mut f32, gate: *const f32, up: *const f32, elements: usize) {
        for i in 0..elements {
            let x = *gate.add(i);
            *dst.add(i) = x / (1.0 + crate::math::exp(-x)) * *up.add(i);
        }
    }

    /// As the export of this name.
    pub unsafe fn swiglu_quantize(dst: *mut u8, gate: *const f32, up: *const f32, rows: usize, width: usize) {
        for r in 0..rows {
            swiglu(record(dst, r, width), gate.add(r * width), up.add(r * width), width);
        }
    }
}

/// The operation in SIMD.
#[cfg(feature = "simd")]
pub mod simd {
    use crate::activation::simd::quantize_rows;
    use crate::exp::Exp;
    use crate::row::{write, Row};
    use crate::simd::load;
    use core::arch::wasm32::*;

    #[derive(Clone, Copy)]
    struct Gated {
        gate: *const f32,
        up: *const f32,
        exp: Exp,
    }

    impl Gated {
        #[inline(always)]
        fn silu(&self, x: v128) -> v128 {
            self.exp.over_one_plus(x, f32x4_neg(x))
        }
    }

    impl Row for Gated {
        #[inline(always)]
        unsafe fn four(&self, i: usize) -> v128 {
            f32x4_mul(self.silu(load(self.gate.add(i))), load(self.up.add(i)))
        }
        #[inline(always)]
        unsafe fn one(&self, i: usize) -> f32 {
            f32x4_extract_lane::<0>(self.silu(f32x4_splat(*self.gate.add(i)))) * *self.up.add(i)
        }
    }

    /// As the export of this name.
    pub unsafe fn swiglu(dst: *mut f32, gate: *const f32, up: *const f32, elements: usize) {
        write(
            dst,
            Gated {
                gate,
                up,
                exp: Exp::new(),
            },
            0,
            elements,
        );
    }

    /// As the export of this name.
    pub unsafe fn swiglu_quantize(dst: *mut u8, gate: *const f32, up: *const f32, rows: usize, width: usize) {
        let exp = Exp::new();
        quantize_rows(dst, rows, width, |r| Gated {
            gate: gate.add(r * width),
            up: up.add(r * width),
            exp,
        });
    }
}
