//! y = x W^T + bias with 4-bit weights in blocks of 32, and activations as `quantize` makes them.

/// `dst`: f32 rows of `stride` values, `columns` written; `x`: `rows` records of `quantize`; `weight`: packed q4;
/// `bias`: f32 `[columns]` or null; `epilogue`: see `linear_float::epilogue`; `bytes`: what `relaxed_bytes` said of this
/// engine; the result is the same for all.
#[no_mangle]
pub unsafe extern "C" fn linear_q4(
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
    linear::<false>(dst, x, weight, bias, rows, width, columns, stride, epilogue, bytes);
}

/// As [`linear_q4`], with a minimum in each block.
#[no_mangle]
pub unsafe extern "C" fn linear_q4_min(
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
    linear::<true>(dst, x, weight, bias, rows, width, columns, stride, epilogue, bytes);
}

/// Blocks with a minimum, or without.
#[inline(always)]
unsafe fn linear<const MIN: bool>(
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
    #[cfg(not(all(feature = "simd", target_feature = "relaxed-simd")))]
    let _ = bytes;
    #[cfg(not(feature = "simd"))]
    {
        use crate::pack::Format;
        let format = if MIN { Format::Q4Min } else { Format::Q4 };
        plain(dst, x, weight, bias, rows, width, columns, stride, epilogue, format);
    }
    #[cfg(feature = "simd")]
    {
        let to = crate::product::Destination {
            dst,
            stride,
            columns,
            bias,
            epilogue,
        };
        #[cfg(target_feature = "relaxed-simd")]
        {
            use crate::simd::{Bytes, Relaxed};
            if bytes == Bytes::Widen as u32 {
                return crate::product::linear::<simd::Q4<Relaxed<true>, MIN>>(to, x, weight, rows, width);
            }
            crate::product::linear::<simd::Q4<Relaxed<false>, MIN>>(to, x, weight, rows, width);
        }
        #[cfg(not(target_feature = "relaxed-simd"))]
        crate::product::linear_packed::<simd::Q4<crate::simd::Widened, MIN>>(to, x, weight, rows, width);
    }
}

/// The plain twin of every quantized matrix product: f32 activations from the record, weights one by one.
#[cfg(not(feature = "simd"))]
pub unsafe fn plain(
    dst: *mut f32,
    x: *const u8,
    weight: *const u8,
    bias: *const f32,
    rows: usize,
    width: usize,
    columns: usize,
    stride: usize,
    epilogue: u32,
    format: crate::pack::Format,
) {
    let x_stride = crate::activation::activation_row_bytes(width) / 4;
    let x = x as *const f32;
    crate::linear_float::plain::linear(
        dst, x, x_stride, weight, bias, rows, width, columns, stride, epilogue, format,
    );
}

/// The operation in SIMD.
#[cfg(feature = "simd")]
pub mod simd {
    use crate::pack::{GROUP, Q4_BLOCK, Q4_MIN_BLOCK};
    use crate::product::Weights;
    use crate::simd::{constant, load_scales, Dot};
    use core::arch::wasm32::*;
    use core::marker::PhantomData;

    /// Without relaxed SIMD the weights are widened, and may as well be signed: their offset is taken off in unpacking.
    const SIGNED: bool = !cfg!(target_feature = "relaxed-simd");

    /// Packed q4, with or without minimums.
    pub struct Q4<D: Dot, const MIN: bool>(PhantomData<D>);

    impl<D: Dot, const MIN: bool> Q4<D, MIN> {
        #[inline(always)]
        fn signed<const N: usize>(nibbles: [v128; N]) -> [v128; N] {
            if SIGNED && !MIN {
                nibbles.map(|v| i8x16_sub(v, constant!(i32 0x0808_0808)))
            } else {
                nibbles
            }
        }
    }

    impl<D: Dot, const MIN: bool> Weights for Q4<D, MIN> {
        type Dot = D;
        const BLOCK_BYTES: usize = if MIN { Q4_MIN_BLOCK } else { Q4_BLOCK };
        const OFFSET_SHIFT: Option<u32> = if MIN || SIGNED { None } else { Some(0) };
        const MINIMUM: bool = MIN;

        #[inline(always)]
        unsafe fn steps(block: *const u8, j: usize) -> [v128; 4] {
            let low = constant!(i32 0x0f0f_0f0f);
            let p = block.add(Self::BLOCK_BYTES - 128 + j * 32) as *const v128;
            let (a, b) = (v128_load(p), v128_load(p.add(1)));
            // shifting 16-bit lanes and masking is one instruction less than shifting bytes
            let high = |v: v128| v128_and(u16x8_shr(v, 4), low);
            Self::signed([v128_and(a, low), v128_and(b, low), high(a), high(b)])
        }
        #[inline(always)]
        unsafe fn pair(block: *const u8, j: usize, pair: usize) -> [v128; 2] {
            let both = v128_load64_zero(block.add(Self::BLOCK_BYTES - 128 + j * 32 + pair * 8) as *const u64);
            let low = constant!(i32 0x0f0f_0f0f);
            Self::signed([v128_and(both, low), v128_and(u16x8_shr(both, 4), low)])
        }
        #[inline(always)]
        unsafe fn scales(block: *const u8, column: usize) -> v128 {
            load_scales((block as *const u16).add(column))
        }
        #[inline(always)]
        unsafe fn minimums(block: *const u8, column: usize) -> v128 {
            load_scales((block as *const u16).add(GROUP + column))
        }
    }
}
