//! A tile of attention: the scores of four query vectors, `[slot][4 vectors]`, and their softmax.
use crate::attention::{Shape, TILE};
use crate::exp::Exp;
use crate::kv_format::{products, Format};
use crate::kv_store::{self, GROUP};
use crate::simd::{self, load, store};
use crate::transpose::transpose;
use core::arch::wasm32::*;

/// Scores of the slots `from..to`, `from` being the first of a group.
#[inline(always)]
pub unsafe fn score<F: Format>(p: *mut f32, queries: *const f32, d: usize, keys: *const u8, from: usize, to: usize) {
    for t in (from..to).step_by(GROUP) {
        let group = keys.add(t * kv_store::vector_bytes(d, F::FORMAT));
        for (k, column) in scores_of::<F>(queries, d, group).into_iter().enumerate() {
            store(p.add(TILE * (t + k)), column);
        }
    }
}

/// Scores of a group of keys, slot by slot: those of four vectors.
#[inline(always)]
unsafe fn scores_of<F: Format>(queries: *const f32, d: usize, group: *const u8) -> [v128; GROUP] {
    let elements = group.add(GROUP * F::SCALE_BYTES);
    let sums = F::scale_keys(products::<F>(queries, d, elements, GROUP * F::ELEMENT_BYTES), group);
    let [a, b, c, d] = transpose(sums.map(|s| s[0]));
    let [e, f, g, h] = transpose(sums.map(|s| s[1]));
    [a, b, c, d, e, f, g, h]
}

/// Scores of all slots: from the anchor's `keys` where there is something visual, then those of text from the layer's
/// own. Not inlined: it would cost a layer without text keys 1 to 2 percent.
#[inline(never)]
pub unsafe fn score_with_text<F: Format>(
    p: *mut f32,
    queries: *const f32,
    keys: *const u8,
    shape: &Shape,
    kv_head: usize,
    most: usize,
) {
    let (d, text) = (shape.head_width, &shape.text);
    for (from, to) in text.visual_runs(most) {
        score::<F>(p, queries, d, keys, from, to);
    }
    let bytes = kv_store::vector_bytes(d, F::FORMAT);
    let own = text.keys.add(kv_head * text.capacity * bytes);
    let seen = &text.slots[..text.below(most)];
    for (u, slots) in seen.chunks(GROUP).enumerate() {
        let scores = scores_of::<F>(queries, d, own.add(u * GROUP * bytes));
        for (&slot, column) in slots.iter().zip(scores) {
            store(p.add(TILE * slot as usize), column);
        }
    }
}

/// Scores `[most][4]` become e^(score - largest), 0 where a vector does not see the slot; returns 1 / their sums.
pub unsafe fn softmax(p: *mut f32, visible: &[usize; TILE], most: usize) -> v128 {
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
    // what is not finite is lost in relaxed minima and maxima: its difference from itself, which is NaN, goes to the sum
    let mut sum = f32x4_splat(0.0);
    for t in 0..most {
        let score = load(p.add(TILE * t));
        max = simd::max(max, score);
        sum = f32x4_add(sum, f32x4_sub(score, score));
    }
    let exp = Exp::new();
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
