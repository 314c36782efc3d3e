//! softmax(Q K^T / sqrt(head width)) V with grouped heads, over keys and values as `kv_store` lays them out.

#[cfg(not(feature = "simd"))]
use plain as twin;
#[cfg(feature = "simd")]
use simd as twin;

/// Which slots of the cache rows see.
pub struct Rows {
    pub count: usize,
    /// Slots before the first row: row r sees `past + r + 1` of them if `causal`, else all of `past`.
    pub past: usize,
    pub causal: bool,
}

impl Rows {
    /// Slots that the last row sees.
    pub fn most(&self) -> usize {
        if self.causal {
            self.past + self.count
        } else {
            self.past
        }
    }

    #[inline(always)]
    pub fn visible(&self, row: usize) -> usize {
        if self.causal {
            self.past + row + 1
        } else {
            self.past
        }
    }
}

/// One call's sizes.
pub struct Shape {
    pub rows: Rows,
    /// Query heads, a multiple of `kv_heads`.
    pub heads: usize,
    pub kv_heads: usize,
    pub head_width: usize,
    /// Positions for which the cache has room.
    pub capacity: usize,
    pub format: u32,
}

/// Where a tile's probabilities stay, if anywhere, and whether they are there already.
pub struct Kept {
    pub at: *mut f32,
    pub reuse: bool,
}

/// Query vectors treated together.
pub const TILE: usize = 4;

/// f32 values of scratch that [`attention`] needs to look at `positions`.
#[no_mangle]
pub extern "C" fn attention_scratch(positions: usize, head_width: usize) -> usize {
    TILE * (positions.next_multiple_of(8) + head_width)
}

/// f32 values in which [`attention`] of `rows` over at most `positions` leaves its probabilities.
#[no_mangle]
pub extern "C" fn attention_probabilities(rows: usize, heads: usize, kv_heads: usize, positions: usize) -> usize {
    kv_heads * (rows * (heads / kv_heads)).div_ceil(TILE) * tile_probabilities(positions)
}

/// A tile's: e^(score - largest) for each position and vector, and what belongs to their sums.
pub fn tile_probabilities(positions: usize) -> usize {
    TILE * (positions.next_multiple_of(8) + 1)
}

/// `dst`, `q`: f32 `[rows][heads * head_width]`; `scratch`: f32 `[attention_scratch(most visible
/// positions, head_width)]`. `probabilities`: null, or f32 `[attention_probabilities(...)]` for later calls; with `reuse` those
/// of an earlier call of the same rows, positions and heads are taken from there, and neither `q` nor `keys` is read.
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
    probabilities: *mut f32,
    reuse: u32,
) {
    let shape = Shape {
        rows: Rows {
            count: rows,
            past,
            causal: causal != 0,
        },
        heads,
        kv_heads,
        head_width,
        capacity,
        format,
    };
    let group = heads / kv_heads;
    let mut kept = Kept {
        at: probabilities,
        reuse: reuse != 0,
    };
    for kv_head in 0..kv_heads {
        #[cfg(feature = "simd")]
        if rows * group <= TILE {
            let width = if format == crate::kv_store::F16 { 2 } else { 4 };
            let (head, bytes) = (
                kv_head * capacity * head_width * width,
                shape.rows.most() * head_width * width,
            );
            if !kept.reuse {
                crate::stage::fetch(keys.add(head), bytes);
            }
            crate::stage::fetch(values.add(head), bytes);
        }
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
                visible[i] = shape.rows.visible(w / group);
            }
            twin::tile(
                dst, q, keys, values, scratch, &shape, kv_head, &offsets, &visible, &kept,
            );
            v += n;
            if !kept.at.is_null() {
                kept.at = kept.at.add(tile_probabilities(shape.rows.most()));
            }
        }
    }
}

#[cfg(not(feature = "simd"))]
pub mod plain {
    use super::{Kept, Shape, TILE};
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
        kept: &Kept,
    ) {
        let d = shape.head_width;
        for v in 0..TILE {
            let out = dst.add(offsets[v]);
            // of each position, then their sum
            let p = if kept.at.is_null() {
                scratch
            } else {
                kept.at.add(v * (super::tile_probabilities(shape.rows.most()) / TILE))
            };
            if !kept.reuse {
                probabilities(p, q.add(offsets[v]), keys, shape, kv_head, visible[v]);
            }
            let sum = *p.add(visible[v]);
            for i in 0..d {
                *out.add(i) = 0.0;
            }
            for t in 0..visible[v] {
                let p = *p.add(t) / sum;
                for i in 0..d {
                    *out.add(i) += p * get(values, (kv_head * shape.capacity + t) * d + i, shape.format);
                }
            }
        }
    }

    /// e^(score - largest) of the visible positions, then their sum.
    unsafe fn probabilities(
        p: *mut f32,
        q: *const f32,
        keys: *const u8,
        shape: &Shape,
        kv_head: usize,
        visible: usize,
    ) {
        let d = shape.head_width;
        let scale = math::inverse_sqrt(d as f32);
        let mut max = f32::NEG_INFINITY;
        for t in 0..visible {
            let base = (kv_head * shape.capacity + t / 8 * 8) * d + t % 8;
            let mut score = 0.0;
            for i in 0..d {
                score += *q.add(i) * get(keys, base + 8 * i, shape.format);
            }
            *p.add(t) = score * scale;
            max = max.max(score * scale);
        }
        let mut sum = 0.0;
        for t in 0..visible {
            let e = math::exp(*p.add(t) - max);
            *p.add(t) = e;
            sum += e;
        }
        *p.add(visible) = sum;
    }
}

/// Four query vectors at a time; what belongs to them lies side by side, `[dimension or position][4 vectors]`, so that one
/// load brings all four and the softmax needs no sums across a vector.
#[cfg(feature = "simd")]
pub mod simd {
    use super::{Kept, Shape, TILE};
    use crate::exp::Exp;
    use crate::kv_store;
    use crate::simd::{self, lane, load, load_f16, store};
    use crate::transpose::transpose;
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
        kept: &Kept,
    ) {
        if shape.format == kv_store::F16 {
            tile_of::<true>(dst, q, keys, values, scratch, shape, kv_head, offsets, visible, kept);
        } else {
            tile_of::<false>(dst, q, keys, values, scratch, shape, kv_head, offsets, visible, kept);
        }
    }

    unsafe fn tile_of<const F16: bool>(
        dst: *mut f32,
        q: *const f32,
        keys: *const u8,
        values: *const u8,
        scratch: *mut f32,
        shape: &Shape,
        kv_head: usize,
        offsets: &[usize; TILE],
        visible: &[usize; TILE],
        kept: &Kept,
    ) {
        let d = shape.head_width;
        let most = *visible.iter().max().unwrap_unchecked();
        let head = kv_head * shape.capacity * d;
        let (queries, mut p) = (scratch, scratch.add(TILE * d));
        let mut inverse = f32x4_splat(0.0);
        if !kept.at.is_null() {
            p = kept.at.add(TILE);
            inverse = load(kept.at);
        }
        if !kept.reuse {
            let scale = f32x4_div(f32x4_splat(1.0), f32x4_sqrt(f32x4_splat(d as f32)));
            for i in (0..d).step_by(4) {
                let rows = offsets.map(|o| f32x4_mul(load(q.add(o + i)), scale));
                for (k, column) in transpose(rows).into_iter().enumerate() {
                    store(queries.add(TILE * (i + k)), column);
                }
            }
            for t in (0..most).step_by(8) {
                let sums = products::<F16>(queries, d, keys, head + t * d, 8);
                for half in 0..2 {
                    for (k, column) in transpose(sums.map(|s| s[half])).into_iter().enumerate() {
                        store(p.add(TILE * (t + 4 * half + k)), column);
                    }
                }
            }
            inverse = softmax(p, visible, most);
            if !kept.at.is_null() {
                store(kept.at, inverse);
            }
        }
        for i in (0..d).step_by(8) {
            let sums = products::<F16>(p, most, values, head + i, d);
            let by = [
                lane::<0>(inverse),
                lane::<1>(inverse),
                lane::<2>(inverse),
                lane::<3>(inverse),
            ];
            for v in 0..TILE {
                store(dst.add(offsets[v] + i), f32x4_mul(sums[v][0], by[v]));
                store(dst.add(offsets[v] + i + 4), f32x4_mul(sums[v][1], by[v]));
            }
        }
    }

    /// For each of four vectors v: sum over k < `count` of x[k][v] * the eight elements at `at + k * stride`.
    #[inline(always)]
    unsafe fn products<const F16: bool>(
        mut x: *const f32,
        count: usize,
        matrix: *const u8,
        mut at: usize,
        stride: usize,
    ) -> [[v128; 2]; TILE] {
        let mut sums = [[f32x4_splat(0.0); 2]; TILE];
        for _ in 0..count {
            let (a, b) = (get::<F16>(matrix, at), get::<F16>(matrix, at + 4));
            let four = load(x);
            let values = [lane::<0>(four), lane::<1>(four), lane::<2>(four), lane::<3>(four)];
            for v in 0..TILE {
                sums[v] = [
                    f32x4_add(sums[v][0], f32x4_mul(values[v], a)),
                    f32x4_add(sums[v][1], f32x4_mul(values[v], b)),
                ];
            }
            at += stride;
            x = x.add(TILE);
        }
        sums
    }

    /// Scores `[most][4]` become e^(score - largest), 0 where a vector does not see the position; returns 1 / their sums.
    unsafe fn softmax(p: *mut f32, visible: &[usize; TILE], most: usize) -> v128 {
        let all_see = *visible.iter().min().unwrap_unchecked();
        let limits = i32x4(
            visible[0] as i32,
            visible[1] as i32,
            visible[2] as i32,
            visible[3] as i32,
        );
        let sees = |t: usize| i32x4_gt(limits, i32x4_splat(t as i32));
        for t in all_see..most {
            let at = p.add(TILE * t);
            store(at, v128_bitselect(load(at), f32x4_splat(f32::MIN), sees(t)));
        }
        let mut max = load(p);
        for t in 1..most {
            max = simd::max(max, load(p.add(TILE * t)));
        }
        let (exp, mut sum) = (Exp::new(), f32x4_splat(0.0));
        for t in 0..most {
            let at = p.add(TILE * t);
            let mut e = exp.of(f32x4_sub(load(at), max));
            if t >= all_see {
                e = v128_and(e, sees(t));
            }
            store(at, e);
            sum = f32x4_add(sum, e);
        }
        f32x4_div(f32x4_splat(1.0), sum)
    }
}
