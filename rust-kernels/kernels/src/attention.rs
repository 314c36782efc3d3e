//! softmax(Q K^T / sqrt(head width)) V with grouped heads, over keys and values as `kv_store` lays them out.

#[cfg(not(feature = "simd"))]
use plain as twin;
#[cfg(feature = "simd")]
use simd as twin;

/// One call's sizes.
pub struct Shape {
    pub rows: usize,
    /// Query heads, a multiple of `kv_heads`.
    pub heads: usize,
    pub kv_heads: usize,
    pub head_width: usize,
    /// Positions for which the cache has room.
    pub capacity: usize,
    /// Positions before the first row: row r sees `past + r + 1` of them if `causal`, else all of `past`.
    pub past: usize,
    pub causal: bool,
    pub format: u32,
}

impl Shape {
    #[inline(always)]
    fn visible(&self, row: usize) -> usize {
        if self.causal {
            self.past + row + 1
        } else {
            self.past
        }
    }
}

/// Query vectors treated together.
pub const TILE: usize = 4;

/// f32 values of scratch that [`attention`] needs to look at `positions`.
#[no_mangle]
pub extern "C" fn attention_scratch(positions: usize) -> usize {
    TILE * positions.next_multiple_of(8)
}

/// `dst`, `q`: f32 `[rows][heads * head_width]`; `scratch`: f32 `[attention_scratch(most visible positions)]`.
#[no_mangle]
pub unsafe extern "C" fn attention(
    dst: *mut f32,
    q: *const f32,
    keys: *const u8,
    values: *const u8,
    scratch: *mut f32,
    rows: usize,
    heads: usize,
    kv_heads: usize,
    head_width: usize,
    capacity: usize,
    past: usize,
    causal: u32,
    format: u32,
) {
    let shape = Shape {
        rows,
        heads,
        kv_heads,
        head_width,
        capacity,
        past,
        causal: causal != 0,
        format,
    };
    let group = heads / kv_heads;
    for kv_head in 0..kv_heads {
        // the vectors that read this key head: every row's `group` query heads
        let vectors = rows * group;
        let mut v = 0;
        while v < vectors {
            let n = TILE.min(vectors - v);
            let mut offsets = [0; TILE];
            let mut visible = [0; TILE];
            for i in 0..TILE {
                // a short last tile repeats its last vector: same work, same result, no second code path
                let w = v + i.min(n - 1);
                offsets[i] = (w / group * heads + kv_head * group + w % group) * head_width;
                visible[i] = shape.visible(w / group);
            }
            twin::tile(dst, q, keys, values, scratch, &shape, kv_head, &offsets, &visible);
            v += n;
        }
    }
}

#[cfg(not(feature = "simd"))]
pub mod plain {
    use super::{Shape, TILE};
    use crate::{half, kv_store, math};

    unsafe fn get(cache: *const u8, index: usize, format: u32) -> f32 {
        if format == kv_store::F16 {
            half::to_f32(*(cache as *const u16).add(index))
        } else {
            *(cache as *const f32).add(index)
        }
    }

    pub unsafe fn tile(
        dst: *mut f32,
        q: *const f32,
        keys: *const u8,
        values: *const u8,
        scratch: *mut f32,
        shape: &Shape,
        kv_head: usize,
        offsets: &[usize; TILE],
        visible: &[usize; TILE],
    ) {
        let d = shape.head_width;
        let scale = math::inverse_sqrt(d as f32);
        for v in 0..TILE {
            let (q, out) = (q.add(offsets[v]), dst.add(offsets[v]));
            let mut max = f32::NEG_INFINITY;
            for t in 0..visible[v] {
                let base = (kv_head * shape.capacity + t / 8 * 8) * d + t % 8;
                let mut score = 0.0;
                for i in 0..d {
                    score += *q.add(i) * get(keys, base + 8 * i, shape.format);
                }
                *scratch.add(t) = score * scale;
                max = max.max(score * scale);
            }
            let mut sum = 0.0;
            for t in 0..visible[v] {
                let p = math::exp(*scratch.add(t) - max);
                *scratch.add(t) = p;
                sum += p;
            }
            for i in 0..d {
                *out.add(i) = 0.0;
            }
            for t in 0..visible[v] {
                let p = *scratch.add(t) / sum;
                for i in 0..d {
                    *out.add(i) += p * get(values, (kv_head * shape.capacity + t) * d + i, shape.format);
                }
            }
        }
    }
}

#[cfg(feature = "simd")]
pub mod simd {
    use super::{Shape, TILE};
    use crate::kv_store;
    use crate::simd::{self, exp, horizontal_max, horizontal_sum, load, load_f16, splat, store};
    use core::arch::wasm32::*;

    /// Four elements at `index`, as f32.
    #[inline(always)]
    unsafe fn get<const F16: bool>(cache: *const u8, index: usize) -> v128 {
        if F16 {
            load_f16((cache as *const u16).add(index))
        } else {
            load((cache as *const f32).add(index))
        }
    }

    pub unsafe fn tile(
        dst: *mut f32,
        q: *const f32,
        keys: *const u8,
        values: *const u8,
        scratch: *mut f32,
        shape: &Shape,
        kv_head: usize,
        offsets: &[usize; TILE],
        visible: &[usize; TILE],
    ) {
        let most = *visible.iter().max().unwrap_unchecked();
        let row = most.next_multiple_of(8);
        if shape.format == kv_store::F16 {
            scores::<true>(q, keys, scratch, shape, kv_head, offsets, row);
        } else {
            scores::<false>(q, keys, scratch, shape, kv_head, offsets, row);
        }
        let scale = 1.0 / f32x4_extract_lane::<0>(f32x4_sqrt(f32x4_splat(shape.head_width as f32)));
        for v in 0..TILE {
            softmax(scratch.add(v * row), visible[v], row, scale);
        }
        if shape.format == kv_store::F16 {
            weighted::<true>(dst, values, scratch, shape, kv_head, offsets, most, row);
        } else {
            weighted::<false>(dst, values, scratch, shape, kv_head, offsets, most, row);
        }
    }

    /// Dimensions or positions that the inner loops take at once, so that their addresses are constant offsets.
    const STEP: usize = 8;

    /// sums[v] += x_v * (a, b) for the four vectors of a tile; `x` points at one value of each.
    #[inline(always)]
    unsafe fn add_products(sums: &mut [[v128; 2]; TILE], x: [*const f32; TILE], a: v128, b: v128) {
        for v in 0..TILE {
            let value = splat(x[v]);
            sums[v] = [
                f32x4_add(sums[v][0], f32x4_mul(value, a)),
                f32x4_add(sums[v][1], f32x4_mul(value, b)),
            ];
        }
    }

    /// scratch[v][t] = q_v . k_t for all t < `row`, eight positions at a time.
    #[inline(always)]
    unsafe fn scores<const F16: bool>(
        q: *const f32,
        keys: *const u8,
        scratch: *mut f32,
        shape: &Shape,
        kv_head: usize,
        offsets: &[usize; TILE],
        row: usize,
    ) {
        let d = shape.head_width;
        let mut at = kv_head * shape.capacity * d;
        for t in (0..row).step_by(8) {
            let mut x = offsets.map(|o| q.add(o));
            let mut sums = [[f32x4_splat(0.0); 2]; TILE];
            for _ in 0..d / STEP {
                for i in 0..STEP {
                    let (a, b) = (get::<F16>(keys, at + 8 * i), get::<F16>(keys, at + 8 * i + 4));
                    add_products(&mut sums, x.map(|p| p.add(i)), a, b);
                }
                at += 8 * STEP;
                x = x.map(|p| p.add(STEP));
            }
            for v in 0..TILE {
                store(scratch.add(v * row + t), sums[v][0]);
                store(scratch.add(v * row + t + 4), sums[v][1]);
            }
        }
    }

    /// In place over the first `visible` values; the rest of the row becomes 0.
    #[inline(always)]
    unsafe fn softmax(p: *mut f32, visible: usize, row: usize, scale: f32) {
        // what lies beyond is made the least value first, so that whole vectors can be read
        for t in visible..row {
            *p.add(t) = f32::MIN;
        }
        let mut max = load(p);
        for t in (4..row).step_by(4) {
            max = simd::max(max, load(p.add(t)));
        }
        let max = f32x4_splat(horizontal_max(max));
        let scale = f32x4_splat(scale);
        let mut sum = f32x4_splat(0.0);
        for t in (0..row).step_by(4) {
            let e = exp(f32x4_mul(f32x4_sub(load(p.add(t)), max), scale));
            store(p.add(t), e);
            sum = f32x4_add(sum, e);
        }
        for t in visible..row {
            *p.add(t) = 0.0;
        }
        let inverse = f32x4_splat(1.0 / horizontal_sum(sum));
        for t in (0..row).step_by(4) {
            store(p.add(t), f32x4_mul(load(p.add(t)), inverse));
        }
    }

    /// dst_v = sum over t < `most` of scratch[v][t] * value_t, eight columns at a time.
    #[inline(always)]
    unsafe fn weighted<const F16: bool>(
        dst: *mut f32,
        values: *const u8,
        scratch: *const f32,
        shape: &Shape,
        kv_head: usize,
        offsets: &[usize; TILE],
        most: usize,
        row: usize,
    ) {
        let d = shape.head_width;
        for i in (0..d).step_by(8) {
            let mut p = [0, 1, 2, 3].map(|v| scratch.add(v * row));
            let mut at = kv_head * shape.capacity * d + i;
            let mut sums = [[f32x4_splat(0.0); 2]; TILE];
            for _ in 0..most / STEP {
                for t in 0..STEP {
                    let (a, b) = (get::<F16>(values, at + t * d), get::<F16>(values, at + t * d + 4));
                    add_products(&mut sums, p.map(|p| p.add(t)), a, b);
                }
                at += STEP * d;
                p = p.map(|p| p.add(STEP));
            }
            // the rest one by one: what lies beyond the last position may be anything
            for t in 0..most % STEP {
                let (a, b) = (get::<F16>(values, at + t * d), get::<F16>(values, at + t * d + 4));
                add_products(&mut sums, p.map(|p| p.add(t)), a, b);
            }
            for v in 0..TILE {
                store(dst.add(offsets[v] + i), sums[v][0]);
                store(dst.add(offsets[v] + i + 4), sums[v][1]);
            }
        }
    }
}
