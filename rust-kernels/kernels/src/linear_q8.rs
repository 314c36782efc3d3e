//! y = x W^T + bias with 8-bit weights in blocks of 32, and activations as `quantize` makes them.

/// As `linear_q4`, with packed q8. `bytes`: what `relaxed_bytes` said of this engine; the result is the same for all.
#[no_mangle]
pub unsafe extern "C" fn linear_q8(
    dst: *mut f32,
    x: *const u8,
    weight: *const u8,
    bias: *const f32,
    rows: usize,
    width: usize,
    columns: usize,
    stride: usize,
    epilogue: u32,
    bytes: u32,
) {
    #[cfg(not(feature = "simd"))]
    {
        let _ = bytes;
        crate::linear_q4::plain(
            dst,
            x,
            weight,
            bias,
            rows,
            width,
            columns,
            stride,
            epilogue,
            crate::pack::Format::Q8,
        );
    }
    #[cfg(feature = "simd")]
    {
        use crate::product::{linear_packed, Destination};
        use crate::simd::{Bytes, Widened};
        use simd::Q8;
        let to = Destination {
            dst,
            stride,
            columns,
            bias,
            epilogue,
        };
        #[cfg(target_feature = "relaxed-simd")]
        {
            use crate::product::linear;
            use crate::simd::Relaxed;
            if bytes == Bytes::Unsigned as u32 {
                type W = Q8<Relaxed<false>, true>;
                return linear::<W>(to, x, weight, rows, width);
            }
            if bytes == Bytes::Signed as u32 {
                type W = Q8<Relaxed<false>, false>;
                return linear::<W>(to, x, weight, rows, width);
            }
        }
        debug_assert!(bytes == Bytes::Widen as u32);
        linear_packed::<Q8<Widened, false>>(to, x, weight, rows, width);
    }
}

/// The operation in SIMD.
#[cfg(feature = "simd")]
pub mod simd {
    use crate::pack::{GROUP, Q8_BLOCK};
    use crate::product::Weights;
    use crate::simd::{constant, load_scales, Dot};
    use core::arch::wasm32::*;
    use core::marker::PhantomData;

    /// Packed q8. `OFFSET`: the dot product takes its weights as unsigned bytes, so 128 is added to them and taken off
    /// again by starting from -128 times the sum of the activations.
    pub struct Q8<D: Dot, const OFFSET: bool>(PhantomData<D>);

    impl<D: Dot, const OFFSET: bool> Q8<D, OFFSET> {
        #[inline(always)]
        fn flip() -> v128 {
            if OFFSET {
                constant!(i32 0x8080_8080u32 as i32)
            } else {
                i32x4(0, 0, 0, 0)
            }
        }
    }

    impl<D: Dot, const OFFSET: bool> Weights for Q8<D, OFFSET> {
        type Dot = D;
        const BLOCK_BYTES: usize = Q8_BLOCK;
        const OFFSET_SHIFT: Option<u32> = if OFFSET { Some(4) } else { None };
        const MINIMUM: bool = false;

        #[inline(always)]
        unsafe fn steps(block: *const u8, j: usize) -> [v128; 4] {
            let p = block.add(2 * GROUP + j * 32) as *const v128;
            [p, p.add(1), p.add(8), p.add(9)].map(|p| v128_xor(v128_load(p), Self::flip()))
        }
        #[inline(always)]
        unsafe fn pair(block: *const u8, j: usize, pair: usize) -> [v128; 2] {
            let p = block.add(2 * GROUP + j * 32 + pair * 8) as *const u64;
            [p, p.add(16)].map(|p| v128_xor(v128_load64_zero(p), Self::flip()))
        }
        #[inline(always)]
        unsafe fn scales(block: *const u8, column: usize) -> v128 {
            load_scales((block as *const u16).add(column))
        }
        #[inline(always)]
        unsafe fn minimums(block: *const u8, column: usize) -> v128 {
            Self::scales(block, column)
        }
    }
}
