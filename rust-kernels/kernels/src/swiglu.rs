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

pub mod plain {
    pub unsafe fn swiglu(dst: *mut f32, gate: *const f32, up: *const f32, elements: usize) {
        for i in 0..elements {
            let x = *gate.add(i);
            *dst.add(i) = x / (1.0 + crate::math::exp(-x)) * *up.add(i);
        }
    }
}

#[cfg(feature = "simd")]
pub mod simd {
    use crate::simd::{exp, load, store};
    use core::arch::wasm32::*;

    #[inline(always)]
    pub fn silu4(x: v128) -> v128 {
        f32x4_div(x, f32x4_add(exp(f32x4_neg(x)), f32x4_splat(1.0)))
    }

    pub unsafe fn swiglu(dst: *mut f32, gate: *const f32, up: *const f32, elements: usize) {
        let whole = elements & !3;
        for i in (0..whole).step_by(4) {
            store(dst.add(i), f32x4_mul(silu4(load(gate.add(i))), load(up.add(i))));
        }
        for i in whole..elements {
            *dst.add(i) = f32x4_extract_lane::<0>(silu4(f32x4_splat(*gate.add(i)))) * *up.add(i);
        }
    }
}
