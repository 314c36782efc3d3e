//! The product of a few tiles of rows: weights are unpacked on the way into the registers, lanes are columns.
//!
//! So few rows wait for memory: weights are copied in batches to a place that stays in the cache ([`crate::stage`]), and
//! multiplying there is faster than multiplying where they are.
use crate::activation::{BLOCK, MAGIC, TILE_ROWS};
use crate::block::BLOCK_BYTES;
use crate::linear_float::simd::finish;
use crate::pack::GROUP;
use crate::product::{Destination, Weights};
use crate::simd::{constant, lanes, Dot};
use crate::stage::{stage, STAGE_BYTES};
use core::arch::wasm32::*;
use core::hint::black_box;
use core::ptr::addr_of_mut;

const ZERO: v128 = f32x4(0.0, 0.0, 0.0, 0.0);

/// The sums of the tile at hand: at a constant address they cost no bounds check.
static mut SUMS: [[v128; 2]; TILE_ROWS] = [[ZERO; 2]; TILE_ROWS];

/// Rows `row..row + rows` of the result, `row` a tile's first; `x`: the activations of row 0, `row_bytes` a row.
pub unsafe fn tiles<W: Weights>(
    to: &Destination,
    row: usize,
    rows: usize,
    x: *const u8,
    row_bytes: usize,
    weight: *const u8,
    n_blocks: usize,
) {
    let group_bytes = n_blocks * W::BLOCK_BYTES;
    // groups to a batch; none where one is too large
    let batch = STAGE_BYTES / group_bytes;
    let mut staged = weight;
    for first in (0..to.columns).step_by(GROUP) {
        let group = first / GROUP;
        let mut w = weight.add(group * group_bytes);
        if batch > 0 {
            if group % batch == 0 {
                let left = to.columns.div_ceil(GROUP) - group;
                staged = stage(w, batch.min(left) * group_bytes);
            }
            w = staged.add(group % batch * group_bytes);
        }
        for tile in (row..row + rows).step_by(TILE_ROWS) {
            let n = TILE_ROWS.min(row + rows - tile);
            group_of_columns::<W>(to, first, tile, n, x.add(tile * row_bytes), w, n_blocks);
        }
    }
}

/// The columns from `first` on, one group, of one tile: rows `row..row + rows`.
#[inline(always)]
unsafe fn group_of_columns<W: Weights>(
    to: &Destination,
    first: usize,
    row: usize,
    rows: usize,
    x: *const u8,
    w: *const u8,
    n_blocks: usize,
) {
    let sums = addr_of_mut!(SUMS) as *mut [v128; 2];
    for r in 0..rows {
        *sums.add(r) = [ZERO; 2];
    }
    match rows {
        1 => packed_tile::<1, W>(x, w, n_blocks),
        2 => packed_tile::<2, W>(x, w, n_blocks),
        3 => packed_tile::<3, W>(x, w, n_blocks),
        _ => packed_tile::<TILE_ROWS, W>(x, w, n_blocks),
    }
    for r in 0..rows {
        finish(
            to.dst.add((row + r) * to.stride + first),
            *sums.add(r),
            if to.bias.is_null() { to.bias } else { to.bias.add(first) },
            GROUP.min(to.columns - first),
            to.epilogue,
        );
    }
}

/// A tile of `R` rows, over all blocks, added to [`SUMS`].
unsafe fn packed_tile<const R: usize, W: Weights>(x: *const u8, w: *const u8, count: usize) {
    // the few sums of one or two rows fit the registers, and leave room there for the chains of an unrolled loop
    let half = if R == 1 { 4 } else { black_box(4) };
    let mut local = [[ZERO; 2]; R];
    let kept = addr_of_mut!(SUMS) as *mut [v128; 2];
    let mut x = x;
    let mut w = w;
    for _ in 0..count {
        let start = starts::<R, W>(x);
        let mut dots = start.map(|start| [W::Dot::new(start); 2]);
        for j in 0..half {
            let [a, b, c, d] = W::steps(w, j);
            let early = lanes::<R>(x.add(j * 4 * R)).map(W::Dot::word);
            let late = lanes::<R>(x.add((j + 4) * 4 * R)).map(W::Dot::word);
            let [a, b, c, d] = [a, b, c, d].map(W::Dot::lanes);
            for r in 0..R {
                dots[r] = [
                    dots[r][0].step_columns(early[r], a),
                    dots[r][1].step_columns(early[r], b),
                ];
                dots[r] = [dots[r][0].step_columns(late[r], c), dots[r][1].step_columns(late[r], d)];
            }
        }
        let sums = if R <= 2 { local.as_mut_ptr() } else { kept };
        add_scaled::<R, W>(sums, dots, start, w, x.add(BLOCK * R));
        w = w.add(W::BLOCK_BYTES);
        x = x.add(R * BLOCK_BYTES);
    }
    if R <= 2 {
        core::ptr::copy_nonoverlapping(local.as_ptr(), kept, R);
    }
}

/// What the sums of a block begin with: the magic number, and what makes up for the weights' offset.
#[inline(always)]
unsafe fn starts<const R: usize, W: Weights>(x: *const u8) -> [v128; R] {
    let magic = constant!(f32 MAGIC);
    let Some(shift) = W::OFFSET_SHIFT else {
        return [magic; R];
    };
    lanes::<R>(x.add((BLOCK + 4) * R)).map(|start| i32x4_add(i32x4_shl(start, shift), magic))
}

/// Adds a block's integer sums, scaled, to `sums`. `scales`: address of the activations' scales.
#[inline(always)]
unsafe fn add_scaled<const R: usize, W: Weights>(
    sums: *mut [v128; 2],
    dots: [[W::Dot; 2]; R],
    start: [v128; R],
    block: *const u8,
    scales: *const u8,
) {
    let magic = constant!(f32 MAGIC);
    let scale = lanes::<R>(scales);
    let of_weights = [W::scales(block, 0), W::scales(block, 4)];
    for i in 0..R {
        let mut y = [0, 1].map(|half| {
            let sum = f32x4_sub(dots[i][half].sum(start[i]), magic);
            f32x4_mul(f32x4_mul(sum, of_weights[half]), scale[i])
        });
        if W::MINIMUM {
            let eights = lanes::<R>(scales.add(4 * R))[i];
            let sum = f32x4_mul(f32x4_mul(f32x4_convert_i32x4(eights), constant!(f32 - 0.125)), scale[i]);
            y = [0, 1].map(|half| f32x4_add(y[half], f32x4_mul(W::minimums(block, 4 * half), sum)));
        }
        let [a, b] = *sums.add(i);
        *sums.add(i) = [f32x4_add(a, y[0]), f32x4_add(b, y[1])];
    }
}
