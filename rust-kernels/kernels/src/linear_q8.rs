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
        use crate::simd::{Bytes, Widened};
        #[cfg(target_feature = "relaxed-simd")]
        {
            use crate::simd::Relaxed;
            if bytes == Bytes::Unsigned as u32 {
                return simd::linear::<Relaxed, true>(dst, x, weight, bias, rows, width, columns, stride, epilogue);
            }
            if bytes == Bytes::Signed as u32 {
                return simd::linear::<Relaxed, false>(dst, x, weight, bias, rows, width, columns, stride, epilogue);
            }
        }
        debug_assert!(bytes == Bytes::Widen as u32);
        simd::linear::<Widened, false>(dst, x, weight, bias, rows, width, columns, stride, epilogue);
    }
}

#[cfg(feature = "simd")]
pub mod simd {
    use crate::activation::{activation_row_bytes, blocks, simd::row, BLOCK};
    use crate::linear_float::simd::finish;
    use crate::pack::{GROUP, Q8_BLOCK};
    use crate::simd::{load_f16, splat, Dot};
    use core::arch::wasm32::*;

    /// `OFFSET`: the dot product takes its weights as unsigned bytes, so 128 is added to them and taken off again by
    /// starting from -128 times the sum of the activations.
    pub unsafe fn linear<D: Dot, const OFFSET: bool>(
        dst: *mut f32,
        x: *const u8,
        weight: *const u8,
        bias: *const f32,
        rows: usize,
        width: usize,
        columns: usize,
        stride: usize,
        epilogue: u32,
    ) {
        let group_bytes = blocks(width) * Q8_BLOCK;
        let row_bytes = activation_row_bytes(width);
        for first in (0..columns).step_by(GROUP) {
            let w = weight.add(first / GROUP * group_bytes);
            let n = GROUP.min(columns - first);
            let bias = if bias.is_null() { bias } else { bias.add(first) };
            for r in (0..rows).step_by(4) {
                let to = dst.add(r * stride + first);
                let from = x.add(r * row_bytes);
                match rows - r {
                    1 => tile::<1, D, OFFSET>(to, from, w, bias, width, stride, n, epilogue),
                    2 => tile::<2, D, OFFSET>(to, from, w, bias, width, stride, n, epilogue),
                    3 => tile::<3, D, OFFSET>(to, from, w, bias, width, stride, n, epilogue),
                    _ => tile::<4, D, OFFSET>(to, from, w, bias, width, stride, n, epilogue),
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<const R: usize, D: Dot, const OFFSET: bool>(
        dst: *mut f32,
        x: *const u8,
        mut w: *const u8,
        bias: *const f32,
        width: usize,
        stride: usize,
        n: usize,
        epilogue: u32,
    ) {
        let row_bytes = activation_row_bytes(width);
        let at = row(x, width);
        let mut sums = [[f32x4_splat(0.0); 2]; R];
        let flip = u8x16_splat(if OFFSET { 128 } else { 0 });
        for b in 0..blocks(width) {
            let mut dots = [[D::new(i32x4_splat(0)); 2]; R];
            if OFFSET {
                for r in 0..R {
                    let start = splat((at.sums as *const u8).add(r * row_bytes + 4 * b) as *const f32);
                    dots[r] = [D::new(i32x4_shl(start, 4)); 2];
                }
            }
            for step in 0..8 {
                let p = w.add(2 * GROUP + step * 32) as *const v128;
                let (w0, w1) = (v128_xor(v128_load(p), flip), v128_xor(v128_load(p.add(1)), flip));
                for r in 0..R {
                    let v = v128_load32_splat(at.values.add(r * row_bytes + b * BLOCK + step * 4) as *const u32);
                    dots[r] = [dots[r][0].step(v, w0), dots[r][1].step(v, w1)];
                }
            }
            let scales = w as *const u16;
            let (s0, s1) = (load_f16(scales), load_f16(scales.add(4)));
            for r in 0..R {
                let s = splat((at.scales as *const u8).add(r * row_bytes + 4 * b) as *const f32);
                let y0 = f32x4_mul(f32x4_convert_i32x4(dots[r][0].sum()), s0);
                let y1 = f32x4_mul(f32x4_convert_i32x4(dots[r][1].sum()), s1);
                sums[r] = [
                    f32x4_add(sums[r][0], f32x4_mul(y0, s)),
                    f32x4_add(sums[r][1], f32x4_mul(y1, s)),
                ];
            }
            w = w.add(Q8_BLOCK);
        }
        for r in 0..R {
            finish(dst.add(r * stride), sums[r], bias, n, epilogue);
        }
    }
}
