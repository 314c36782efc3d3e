//! y = x W^T + bias with f32 or f16 weights. The plain twin serves every format: it reads weights one by one, as they
//! are defined, and is what the quantized kernels are compared with.

/// What happens to a sum before it is stored.
pub mod epilogue {
    /// dst = sum
    pub const STORE: u32 = 0;
    /// dst += sum
    pub const ADD: u32 = 1;
    /// dst = gelu(sum)
    pub const GELU: u32 = 2;
}

/// `dst`: f32 rows of `stride` values, `columns` written; `x`: f32 `[rows][width]`; `weight`: packed f32;
/// `bias`: f32 `[columns]` or null.
#[no_mangle]
pub unsafe extern "C" fn linear_f32(
    dst: *mut f32,
    x: *const f32,
    weight: *const u8,
    bias: *const f32,
    rows: usize,
    width: usize,
    columns: usize,
    stride: usize,
    epilogue: u32,
) {
    #[cfg(not(feature = "simd"))]
    plain::linear(
        dst,
        x,
        width,
        weight,
        bias,
        rows,
        width,
        columns,
        stride,
        epilogue,
        crate::pack::Format::F32,
    );
    #[cfg(feature = "simd")]
    simd::linear::<false>(dst, x, weight, bias, rows, width, columns, stride, epilogue);
}

/// As [`linear_f32`], with packed f16.
#[no_mangle]
pub unsafe extern "C" fn linear_f16(
    dst: *mut f32,
    x: *const f32,
    weight: *const u8,
    bias: *const f32,
    rows: usize,
    width: usize,
    columns: usize,
    stride: usize,
    epilogue: u32,
) {
    #[cfg(not(feature = "simd"))]
    plain::linear(
        dst,
        x,
        width,
        weight,
        bias,
        rows,
        width,
        columns,
        stride,
        epilogue,
        crate::pack::Format::F16,
    );
    #[cfg(feature = "simd")]
    simd::linear::<true>(dst, x, weight, bias, rows, width, columns, stride, epilogue);
}

/// The operation as its formula reads, in f32.
#[cfg(not(feature = "simd"))]
pub mod plain {
    use super::epilogue;
    use crate::activation::BLOCK;
    use crate::gelu::plain::gelu_one;
    use crate::pack::{Format, PackedRow, GROUP};

    /// `x_stride`: f32 values from a row of x to the next.
    pub unsafe fn linear(
        dst: *mut f32,
        x: *const f32,
        x_stride: usize,
        weight: *const u8,
        bias: *const f32,
        rows: usize,
        width: usize,
        columns: usize,
        stride: usize,
        epilogue: u32,
        format: Format,
    ) {
        for first in (0..columns).step_by(GROUP) {
            let n = GROUP.min(columns - first);
            for r in 0..rows {
                for c in 0..n {
                    let y = dst.add(r * stride + first + c);
                    let start = if bias.is_null() { 0.0 } else { *bias.add(first + c) };
                    *y = if epilogue == epilogue::ADD { *y + start } else { start };
                }
            }
            for begin in (0..width).step_by(BLOCK) {
                let length = BLOCK.min(width - begin);
                // a block of the group's weights, read once for all rows
                let mut w = [[0.0f32; GROUP]; BLOCK];
                for c in 0..n {
                    let mut values = [0.0f32; BLOCK];
                    PackedRow::new(weight, first + c, width, format).block(begin / BLOCK, &mut values);
                    for k in 0..length {
                        w[k][c] = values[k];
                    }
                }
                for r in 0..rows {
                    let mut sums = [0.0f32; GROUP];
                    for k in 0..length {
                        let value = *x.add(r * x_stride + begin + k);
                        for c in 0..GROUP {
                            sums[c] += value * w[k][c];
                        }
                    }
                    for c in 0..n {
                        *dst.add(r * stride + first + c) += sums[c];
                    }
                }
            }
            if epilogue == epilogue::GELU {
                for r in 0..rows {
                    for c in 0..n {
                        let y = dst.add(r * stride + first + c);
                        *y = gelu_one(*y);
                    }
                }
            }
        }
    }
}

/// The operation in SIMD.
#[cfg(feature = "simd")]
pub mod simd {
    use super::epilogue;
    use crate::gelu::simd::gelu4;
    use crate::pack::GROUP;
    use crate::simd::{load, load_f16, splat, store};
    use core::arch::wasm32::*;

    /// Bias, epilogue and store of 8 columns of one row, of which `n` exist.
    #[inline(always)]
    pub unsafe fn finish(dst: *mut f32, mut sums: [v128; 2], bias: *const f32, n: usize, epilogue: u32) {
        let (mut b, mut old) = ([0.0f32; GROUP], [0.0f32; GROUP]);
        let whole = n == GROUP;
        if !bias.is_null() {
            let from = if whole {
                bias
            } else {
                core::ptr::copy_nonoverlapping(bias, b.as_mut_ptr(), n);
                b.as_ptr()
            };
            sums = [f32x4_add(sums[0], load(from)), f32x4_add(sums[1], load(from.add(4)))];
        }
        if epilogue == epilogue::ADD {
            let from = if whole {
                dst as *const f32
            } else {
                core::ptr::copy_nonoverlapping(dst, old.as_mut_ptr(), n);
                old.as_ptr()
            };
            sums = [f32x4_add(load(from), sums[0]), f32x4_add(load(from.add(4)), sums[1])];
        } else if epilogue == epilogue::GELU {
            sums = [gelu4(sums[0]), gelu4(sums[1])];
        }
        if whole {
            store(dst, sums[0]);
            store(dst.add(4), sums[1]);
        } else {
            store(old.as_mut_ptr(), sums[0]);
            store(old.as_mut_ptr().add(4), sums[1]);
            core::ptr::copy_nonoverlapping(old.as_ptr(), dst, n);
        }
    }

    /// Inputs whose weights are unpacked together: what many rows are multiplied by stays in the first-level cache.
    const PANEL_WIDTH: usize = 1024;

    /// One thread uses it, and no call leaves anything in it.
    static mut PANEL: [v128; PANEL_WIDTH * GROUP / 4] = [f32x4(0.0, 0.0, 0.0, 0.0); PANEL_WIDTH * GROUP / 4];

    /// As the exports `linear_f16` and `linear_f32`.
    pub unsafe fn linear<const F16: bool>(
        dst: *mut f32,
        x: *const f32,
        weight: *const u8,
        bias: *const f32,
        rows: usize,
        width: usize,
        columns: usize,
        stride: usize,
        epilogue: u32,
    ) {
        let group_bytes = width * GROUP * if F16 { 2 } else { 4 };
        for first in (0..columns).step_by(GROUP) {
            let w = weight.add(first / GROUP * group_bytes);
            let n = GROUP.min(columns - first);
            let bias = if bias.is_null() { bias } else { bias.add(first) };
            let to = |r: usize| dst.add(r * stride + first);
            if F16 && rows > 4 && width <= PANEL_WIDTH {
                let panel = core::ptr::addr_of_mut!(PANEL) as *mut f32;
                for k in (0..width * GROUP).step_by(4) {
                    store(panel.add(k), load_f16((w as *const u16).add(k)));
                }
                tiles::<false>(&to, x, panel as *const u8, bias, rows, width, stride, n, epilogue);
            } else {
                tiles::<F16>(&to, x, w, bias, rows, width, stride, n, epilogue);
            }
        }
    }

    #[inline(always)]
    unsafe fn tiles<const F16: bool>(
        to: &impl Fn(usize) -> *mut f32,
        x: *const f32,
        w: *const u8,
        bias: *const f32,
        rows: usize,
        width: usize,
        stride: usize,
        n: usize,
        epilogue: u32,
    ) {
        for r in (0..rows).step_by(4) {
            let from = x.add(r * width);
            match rows - r {
                1 => tile::<1, F16>(to(r), from, w, bias, width, stride, n, epilogue),
                2 => tile::<2, F16>(to(r), from, w, bias, width, stride, n, epilogue),
                3 => tile::<3, F16>(to(r), from, w, bias, width, stride, n, epilogue),
                _ => tile::<4, F16>(to(r), from, w, bias, width, stride, n, epilogue),
            }
        }
    }

    /// Inputs taken at once, so that addresses within are constant offsets.
    const STEP: usize = 4;

    #[inline(always)]
    unsafe fn tile<const R: usize, const F16: bool>(
        dst: *mut f32,
        x: *const f32,
        w: *const u8,
        bias: *const f32,
        width: usize,
        stride: usize,
        n: usize,
        epilogue: u32,
    ) {
        let mut sums = [[f32x4_splat(0.0); 2]; R];
        let mut p = [x; R];
        for r in 0..R {
            p[r] = x.add(r * width);
        }
        let mut w = w;
        for _ in 0..width / STEP {
            for k in 0..STEP {
                add_products::<R, F16>(&mut sums, &p, w, k);
            }
            w = w.add(STEP * GROUP * if F16 { 2 } else { 4 });
            p = p.map(|p| p.add(STEP));
        }
        for k in 0..width % STEP {
            add_products::<R, F16>(&mut sums, &p, w, k);
        }
        for r in 0..R {
            finish(dst.add(r * stride), sums[r], bias, n, epilogue);
        }
    }

    #[inline(always)]
    unsafe fn add_products<const R: usize, const F16: bool>(
        sums: &mut [[v128; 2]; R],
        x: &[*const f32; R],
        w: *const u8,
        k: usize,
    ) {
        let (a, b) = if F16 {
            let w = (w as *const u16).add(k * GROUP);
            (load_f16(w), load_f16(w.add(4)))
        } else {
            let w = (w as *const f32).add(k * GROUP);
            (load(w), load(w.add(4)))
        };
        for r in 0..R {
            let value = splat(x[r].add(k));
            sums[r] = [
                f32x4_add(sums[r][0], f32x4_mul(value, a)),
                f32x4_add(sums[r][1], f32x4_mul(value, b)),
            ];
        }
    }
}
