//! Elements of keys and values on their way into registers, for each format of `kv_store`.
use crate::attention::TILE;
use crate::kv_store;
use crate::simd::{lane, load, load_f16, splat, store};
use core::arch::wasm32::*;

/// Sums of a tile: of each of its vectors with eight others that lie side by side.
pub type Sums = [[v128; 2]; TILE];

/// How a cache holds the elements of keys and values.
pub trait Format {
    /// The number by which calls name it.
    const FORMAT: u32;
    /// Of one element.
    const ELEMENT_BYTES: usize;
    /// Of the scale that comes with each vector, or 0.
    const SCALE_BYTES: usize;

    /// Eight elements, as f32, without their scales.
    unsafe fn eight(p: *const u8) -> [v128; 2];

    /// Products with the elements of a group of eight keys become products with the keys.
    #[inline(always)]
    unsafe fn scale_keys(sums: Sums, _group: *const u8) -> Sums {
        sums
    }

    /// What the elements of `count` values, `stride` bytes apart, are to be multiplied by: probabilities `p`, and the
    /// values' scales. f32 `[count][4 vectors]`, `p` itself or `scratch`, which can be the same.
    #[inline(always)]
    unsafe fn scale_values(
        p: *const f32,
        _values: *const u8,
        _stride: usize,
        _count: usize,
        _scratch: *mut f32,
    ) -> *const f32 {
        p
    }
}

/// 32-bit floats.
pub struct F32;

impl Format for F32 {
    const FORMAT: u32 = kv_store::F32;
    const ELEMENT_BYTES: usize = 4;
    const SCALE_BYTES: usize = 0;
    #[inline(always)]
    unsafe fn eight(p: *const u8) -> [v128; 2] {
        [load(p as *const f32), load((p as *const f32).add(4))]
    }
}

/// 16-bit floats.
pub struct F16;

impl Format for F16 {
    const FORMAT: u32 = kv_store::F16;
    const ELEMENT_BYTES: usize = 2;
    const SCALE_BYTES: usize = 0;
    #[inline(always)]
    unsafe fn eight(p: *const u8) -> [v128; 2] {
        [load_f16(p as *const u16), load_f16((p as *const u16).add(4))]
    }
}

/// 8-bit integers, with a scale for each vector.
pub struct Q8;

impl Format for Q8 {
    const FORMAT: u32 = kv_store::Q8;
    const ELEMENT_BYTES: usize = 1;
    const SCALE_BYTES: usize = 4;
    #[inline(always)]
    unsafe fn eight(p: *const u8) -> [v128; 2] {
        let wide = i16x8_load_extend_i8x8(p as *const i8);
        [
            f32x4_convert_i32x4(i32x4_extend_low_i16x8(wide)),
            f32x4_convert_i32x4(i32x4_extend_high_i16x8(wide)),
        ]
    }

    #[inline(always)]
    unsafe fn scale_keys(sums: Sums, group: *const u8) -> Sums {
        let scales = F32::eight(group);
        sums.map(|[a, b]| [f32x4_mul(a, scales[0]), f32x4_mul(b, scales[1])])
    }

    #[inline(always)]
    unsafe fn scale_values(
        p: *const f32,
        values: *const u8,
        stride: usize,
        count: usize,
        scratch: *mut f32,
    ) -> *const f32 {
        for t in 0..count {
            let scale = splat(values.add(t * stride) as *const f32);
            store(scratch.add(TILE * t), f32x4_mul(load(p.add(TILE * t)), scale));
        }
        scratch
    }
}

/// For each of four vectors v: sum over k < `count` of x[k][v] * the eight elements at `at + k * stride` bytes.
#[inline(always)]
pub unsafe fn products<F: Format>(mut x: *const f32, count: usize, mut at: *const u8, stride: usize) -> Sums {
    let mut sums = [[f32x4_splat(0.0); 2]; TILE];
    for _ in 0..count {
        let [a, b] = F::eight(at);
        let four = load(x);
        let values = [lane::<0>(four), lane::<1>(four), lane::<2>(four), lane::<3>(four)];
        for v in 0..TILE {
            sums[v] = [
                f32x4_add(sums[v][0], f32x4_mul(values[v], a)),
                f32x4_add(sums[v][1], f32x4_mul(values[v], b)),
            ];
        }
        at = at.add(stride);
        x = x.add(TILE);
    }
    sums
}
