//! How much attention each slot receives, by head: weights that `attention` left behind, summed over rows.
use crate::attention::{tile_probabilities, Rows, TILE};

#[cfg(not(feature = "simd"))]
use plain as twin;
#[cfg(feature = "simd")]
use simd as twin;

/// `dst[h][t]` += sum over rows of the weight that the row's head h gives to slot t, after the softmax; 0 for slots that
/// the row does not see. `dst`: f32 `[heads][slots]`, slots = past + rows if `causal`, else past; `probabilities`: what
/// `attention` of the same rows, heads, past and causal left.
#[no_mangle]
pub unsafe extern "C" fn attention_received(
    dst: *mut f32,
    probabilities: *const f32,
    rows: usize,
    heads: usize,
    kv_heads: usize,
    past: usize,
    causal: u32,
) {
    let seen = Rows {
        count: rows,
        past,
        causal: causal != 0,
    };
    let (most, group) = (seen.most(), heads / kv_heads);
    let mut tile = probabilities;
    for kv_head in 0..kv_heads {
        for v in (0..rows * group).step_by(TILE) {
            // the vectors that repeat a short tile's last one are left out
            let n = TILE.min(rows * group - v);
            let mut to = [dst; TILE];
            let mut visible = [0; TILE];
            for i in 0..n {
                let w = v + i;
                to[i] = dst.add((kv_head * group + w % group) * most);
                visible[i] = seen.visible(w / group);
            }
            twin::add_tile(&to[..n], tile, &visible[..n], most);
            tile = tile.add(tile_probabilities(most));
        }
    }
}

/// The operation as its formula reads, in f32.
#[cfg(not(feature = "simd"))]
pub mod plain {
    use super::{tile_probabilities, TILE};

    /// `tile`: for each vector e^(score - largest) of the slots that it sees, then their sum.
    pub unsafe fn add_tile(to: &[*mut f32], tile: *const f32, visible: &[usize], most: usize) {
        for v in 0..to.len() {
            let p = tile.add(v * (tile_probabilities(most) / TILE));
            let sum = *p.add(visible[v]);
            for t in 0..visible[v] {
                *to[v].add(t) += *p.add(t) / sum;
            }
        }
    }
}

/// The operation in SIMD.
#[cfg(feature = "simd")]
pub mod simd {
    use super::TILE;
    use crate::simd::{load, store};
    use crate::transpose::transpose;
    use core::arch::wasm32::*;

    /// `tile`: 1 / sum of each vector, then `[slot][4 vectors]` of e^(score - largest), 0 where one does not see the slot.
    pub unsafe fn add_tile(to: &[*mut f32], tile: *const f32, visible: &[usize], _most: usize) {
        // what no vector of the tile sees was not written
        let most = *visible.iter().max().unwrap_unchecked();
        let (inverse, p) = (load(tile), tile.add(TILE));
        let whole = most - most % 4;
        for t in (0..whole).step_by(4) {
            let slots = [0, 1, 2, 3].map(|i| f32x4_mul(load(p.add(TILE * (t + i))), inverse));
            for (to, weights) in to.iter().zip(transpose(slots)) {
                store(to.add(t), f32x4_add(load(to.add(t)), weights));
            }
        }
        for t in whole..most {
            for v in 0..to.len() {
                *to[v].add(t) += *p.add(TILE * t + v) * *tile.add(v);
            }
        }
    }
}
