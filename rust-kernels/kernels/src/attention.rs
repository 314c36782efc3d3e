//! softmax(Q K^T / sqrt(head width)) V with grouped heads, over keys and values as `kv_store` lays them out.
use crate::text_keys::TextKeys;

#[cfg(not(feature = "simd"))]
use plain as twin;
#[cfg(feature = "simd")]
use simd as twin;

/// Which slots of the cache rows see.
pub struct Rows {
    /// How many there are.
    pub count: usize,
    /// Slots before the first row: row r sees `past + r + 1` of them if `causal`, else all of `past`.
    pub past: usize,
    /// True for text, whose rows see what is before them; false for patches, which all see each other.
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

    /// Slots that row `row` sees.
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
pub struct Shape<'a> {
    /// The query rows of the call.
    pub rows: Rows,
    /// Query heads, a multiple of `kv_heads`.
    pub heads: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Values of a head's vector.
    pub head_width: usize,
    /// Slots for which the cache has room.
    pub capacity: usize,
    /// How keys and values are kept: a number of `Backend`'s `KvFormat`.
    pub format: u32,
    /// Keys of a layer's own, beside those of the cache.
    pub text: TextKeys<'a>,
}

/// Where a tile's probabilities stay, if anywhere, and whether they are there already.
pub struct Kept {
    /// f32, see [`tile_probabilities`]; null where nothing stays.
    pub at: *mut f32,
    /// True: neither queries nor keys are read.
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
/// `text_slots`: u32 `[texts]`, ascending, the slots whose keys lie in `text_keys` one after another, with room for
/// `text_capacity`; `keys` is read for the other slots. `texts` = 0: `keys` has them all.
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
    text_keys: *const u8,
    text_capacity: usize,
    text_slots: *const u32,
    texts: usize,
) {
    let slots = if texts == 0 {
        &[]
    } else {
        core::slice::from_raw_parts(text_slots, texts)
    };
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
        text: TextKeys {
            keys: text_keys,
            capacity: text_capacity,
            slots,
        },
    };
    let group = heads / kv_heads;
    let mut kept = Kept {
        at: probabilities,
        reuse: reuse != 0,
    };
    for kv_head in 0..kv_heads {
        #[cfg(feature = "simd")]
        if rows * group <= TILE {
            fetch(keys, values, &shape, kv_head, kept.reuse);
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

/// Brings into the cache what one tile reads of a head, for which it would wait.
#[cfg(feature = "simd")]
unsafe fn fetch(keys: *const u8, values: *const u8, shape: &Shape, kv_head: usize, reuse: bool) {
    use crate::{kv_store, stage};
    let most = shape.rows.most();
    let bytes = kv_store::vector_bytes(shape.head_width, shape.format);
    let head = kv_head * shape.capacity;
    if !reuse {
        for (from, to) in shape.text.visual_runs(most) {
            let count = (to - from).next_multiple_of(kv_store::GROUP);
            stage::fetch(keys.add((head + from) * bytes), count * bytes);
        }
        let texts = shape.text.below(most).next_multiple_of(kv_store::GROUP);
        stage::fetch(
            shape.text.keys.wrapping_add(kv_head * shape.text.capacity * bytes),
            texts * bytes,
        );
    }
    stage::fetch(values.add(head * bytes), most * bytes);
}

/// The operation as its formula reads, in f32.
#[cfg(not(feature = "simd"))]
pub mod plain {
    use super::{Kept, Shape, TILE};
    use crate::kv_store::{self, GROUP};
    use crate::math;

    /// One tile's vectors with all the slots that they see.
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
        let (d, format) = (shape.head_width, shape.format);
        let values = values.add(kv_head * shape.capacity * kv_store::vector_bytes(d, format));
        for v in 0..TILE {
            let out = dst.add(offsets[v]);
            // of each slot, then their sum
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
                let value = values.add(t * kv_store::vector_bytes(d, format));
                for i in 0..d {
                    *out.add(i) += p * kv_store::get::<1>(value, 0, i, format);
                }
            }
        }
    }

    /// e^(score - largest) of the visible slots, then their sum.
    unsafe fn probabilities(
        p: *mut f32,
        q: *const f32,
        keys: *const u8,
        shape: &Shape,
        kv_head: usize,
        visible: usize,
    ) {
        let (d, text) = (shape.head_width, &shape.text);
        let scale = math::inverse_sqrt(d as f32);
        let mut max = f32::NEG_INFINITY;
        let mut texts = 0;
        for t in 0..visible {
            let (keys, capacity, at) = if text.slots.get(texts) == Some(&(t as u32)) {
                texts += 1;
                (text.keys, text.capacity, texts - 1)
            } else {
                (keys, shape.capacity, t)
            };
            let bytes = kv_store::vector_bytes(d, shape.format);
            let group = keys.add((kv_head * capacity + at / GROUP * GROUP) * bytes);
            let mut score = 0.0;
            for i in 0..d {
                score += *q.add(i) * kv_store::get::<GROUP>(group, at % GROUP, i, shape.format);
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

/// Four query vectors at a time; what belongs to them lies side by side, `[dimension or slot][4 vectors]`, so that one
/// load brings all four and the softmax needs no sums across a vector.
#[cfg(feature = "simd")]
pub mod simd {
    use super::{Kept, Shape, TILE};
    use crate::attention_scores::{score, score_with_text, softmax};
    use crate::kv_format::{products, Format, F16, F32, Q8};
    use crate::kv_store;
    use crate::simd::{lane, load, store};
    use crate::transpose::transpose;
    use core::arch::wasm32::*;

    /// One tile's vectors with all the slots that they see.
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
        match shape.format {
            kv_store::F32 => tile_of::<F32>(dst, q, keys, values, scratch, shape, kv_head, offsets, visible, kept),
            kv_store::F16 => tile_of::<F16>(dst, q, keys, values, scratch, shape, kv_head, offsets, visible, kept),
            _ => tile_of::<Q8>(dst, q, keys, values, scratch, shape, kv_head, offsets, visible, kept),
        }
    }

    /// A function of its own for each format: an engine's compiler takes memory by the size of the function at hand.
    #[inline(never)]
    unsafe fn tile_of<F: Format>(
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
        let bytes = kv_store::vector_bytes(d, F::FORMAT);
        let head = kv_head * shape.capacity * bytes;
        let (queries, weights) = (scratch, scratch.add(TILE * d));
        let mut p = weights;
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
            let keys = keys.add(head);
            if shape.text.slots.is_empty() {
                score::<F>(p, queries, d, keys, 0, most);
            } else {
                score_with_text::<F>(p, queries, keys, shape, kv_head, most);
            }
            inverse = softmax(p, visible, most);
            if !kept.at.is_null() {
                store(kept.at, inverse);
            }
        }
        let values = values.add(head);
        let p = F::scale_values(p, values, bytes, most, weights);
        for i in (0..d).step_by(8) {
            let sums = products::<F>(p, most, values.add(F::SCALE_BYTES + i * F::ELEMENT_BYTES), bytes);
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
}
