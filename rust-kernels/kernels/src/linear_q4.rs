//! y = x W^T + bias with 4-bit weights in blocks of 32, and activations as `quantize` makes them.

/// `dst`: f32 rows of `stride` values, `columns` written; `x`: `rows` records of `quantize`; `weight`: packed q4;
/// `bias`: f32 `[columns]` or null; `epilogue`: see `linear_float::epilogue`.
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
) {
    #[cfg(not(feature = "simd"))]
    plain(
        dst,
        x,
        weight,
        bias,
        rows,
        width,
        columns,
        stride,
        epilogue,
        crate::pack::Format::Q4,
    );
    #[cfg(feature = "simd")]
    simd::linear::<false>(dst, x, weight, bias, rows, width, columns, stride, epilogue);
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
) {
    #[cfg(not(feature = "simd"))]
    plain(
        dst,
        x,
        weight,
        bias,
        rows,
        width,
        columns,
        stride,
        epilogue,
        crate::pack::Format::Q4Min,
    );
    #[cfg(feature = "simd")]
    simd::linear::<true>(dst, x, weight, bias, rows, width, columns, stride, epilogue);
}

#[cfg(not(feature = "simd"))]
pub use quantized_plain as plain;

/// The plain twin of every quantized matrix product: f32 activations from the record, weights one by one.
#[cfg(not(feature = "simd"))]
pub unsafe fn quantized_plain(
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

#[cfg(feature = "simd")]
pub mod simd {
    use crate::activation::{activation_row_bytes, blocks, simd::row, BLOCK};
    use crate::linear_float::simd::finish;
    use crate::pack::{GROUP, Q4_BLOCK, Q4_MIN_BLOCK};
    use crate::simd::{load_f16, splat, Dot};
    use core::arch::wasm32::*;

    #[cfg(not(target_feature = "relaxed-simd"))]
    type Nibble = crate::simd::Nibbles;
    #[cfg(target_feature = "relaxed-simd")]
    type Nibble = crate::simd::Relaxed;

    pub unsafe fn linear<const MIN: bool>(
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
        let group_bytes = blocks(width) * if MIN { Q4_MIN_BLOCK } else { Q4_BLOCK };
        let row_bytes = activation_row_bytes(width);
        for first in (0..columns).step_by(GROUP) {
            let w = weight.add(first / GROUP * group_bytes);
            let n = GROUP.min(columns - first);
            let bias = if bias.is_null() { bias } else { bias.add(first) };
            for r in (0..rows).step_by(4) {
                let to = dst.add(r * stride + first);
                let from = x.add(r * row_bytes);
                match rows - r {
                    1 => tile::<1, MIN>(to, from, w, bias, width, stride, n, epilogue),
                    2 => tile::<2, MIN>(to, from, w, bias, width, stride, n, epilogue),
                    3 => tile::<3, MIN>(to, from, w, bias, width, stride, n, epilogue),
                    _ => tile::<4, MIN>(to, from, w, bias, width, stride, n, epilogue),
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<const R: usize, const MIN: bool>(
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
        let low = u8x16_splat(15);
        for b in 0..blocks(width) {
            let bytes = w.add(if MIN { 4 * GROUP } else { 2 * GROUP });
            let mut dots = [[Nibble::new(i32x4_splat(0)); 2]; R];
            if !MIN {
                for r in 0..R {
                    let start = splat((at.sums as *const u8).add(r * row_bytes + 4 * b) as *const f32);
                    dots[r] = [Nibble::new(start); 2];
                }
            }
            for step in 0..4 {
                let p = bytes.add(step * 32) as *const v128;
                let (w0, w1) = (v128_load(p), v128_load(p.add(1)));
                let (low0, low1) = (v128_and(w0, low), v128_and(w1, low));
                let (high0, high1) = (u8x16_shr(w0, 4), u8x16_shr(w1, 4));
                for r in 0..R {
                    let a = at.values.add(r * row_bytes + b * BLOCK + step * 4) as *const u32;
                    let v = v128_load32_splat(a);
                    dots[r] = [dots[r][0].step(v, low0), dots[r][1].step(v, low1)];
                    let v = v128_load32_splat(a.add(4));
                    dots[r] = [dots[r][0].step(v, high0), dots[r][1].step(v, high1)];
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
            if MIN {
                let (m0, m1) = (load_f16(scales.add(GROUP)), load_f16(scales.add(GROUP + 4)));
                for r in 0..R {
                    let scale = *((at.scales as *const u8).add(r * row_bytes + 4 * b) as *const f32);
                    let sum = *((at.sums as *const u8).add(r * row_bytes + 4 * b) as *const i32);
                    let s = f32x4_splat(-0.125 * sum as f32 * scale);
                    sums[r] = [
                        f32x4_add(sums[r][0], f32x4_mul(m0, s)),
                        f32x4_add(sums[r][1], f32x4_mul(m1, s)),
                    ];
                }
            }
            w = w.add(if MIN { Q4_MIN_BLOCK } else { Q4_BLOCK });
        }
        for r in 0..R {
            finish(dst.add(r * stride), sums[r], bias, n, epilogue);
        }
    }
}
