//! The product of many rows: 6 columns of weights are unpacked once into a panel that all rows go over; lanes are rows.
//!
//! The panel lies at a constant address and the code over its blocks is unrolled, so that a weight comes into all lanes by
//! one load without a check, which needs none of the ports of the products. A panel covers a stretch of the width that fits
//! the first-level cache; sums wait for the next stretch in [`RUNNING`].
use crate::activation::{BLOCK, MAGIC, TILE_ROWS};
use crate::block::BLOCK_BYTES;
use crate::gelu::simd::gelu4;
use crate::linear_float::epilogue;
use crate::pack::GROUP;
use crate::product::{Destination, Weights};
use crate::simd::{constant, lane, load, splat, store, DotOfRows};
use crate::transpose::transpose;
use core::arch::wasm32::*;
use core::hint::black_box;
use core::ptr::{addr_of, addr_of_mut};

/// Columns of a panel: their sums over two vectors of rows, 12, fill the registers with what it takes to make them.
const COLUMNS: usize = 6;
/// Most blocks of a panel.
const BLOCKS: usize = 12;
/// Rows that go over one panel.
const ROWS: usize = 128;
/// Bytes of one block of a tile of 4 rows.
const TILE_BLOCK: usize = TILE_ROWS * BLOCK_BYTES;

const ZERO: v128 = f32x4(0.0, 0.0, 0.0, 0.0);
/// Sums of one vector of 4 rows by each column.
type Sums = [v128; COLUMNS];

/// What the kernels keep for themselves; there is one thread, and no call leaves anything in it.
static mut PANEL: [v128; BLOCKS * 51] = [ZERO; BLOCKS * 51];
/// How many eighths of the activations' sums make up for the weights' offset.
static mut OFFSET: v128 = ZERO;
static mut SUMS: [Sums; 2] = [[ZERO; COLUMNS]; 2];
static mut RUNNING: [Sums; ROWS / TILE_ROWS] = [[ZERO; COLUMNS]; ROWS / TILE_ROWS];

/// Bytes of a word in a panel, in all lanes of a vector.
const WORD: usize = 16;
/// One block of a panel: 8 steps of a word for each column, then their scales, then their minimums.
const PANEL_BLOCK: usize = COLUMNS * (8 * WORD + 8);

/// `x`: `rows` rows of `quantize`, whole tiles.
pub unsafe fn many<W: Weights>(to: &Destination, x: *const u8, weight: *const u8, rows: usize, n_blocks: usize)
where
    W::Dot: DotOfRows,
{
    // stretches of nearly equal length
    let stretch = n_blocks.div_ceil(n_blocks.div_ceil(BLOCKS));
    let tile_bytes = n_blocks * TILE_BLOCK;
    let running = addr_of_mut!(RUNNING) as *mut Sums;
    let sums = addr_of_mut!(SUMS) as *mut Sums;
    let offset = if let Some(shift) = W::OFFSET_SHIFT {
        1 << shift
    } else {
        0
    };
    addr_of_mut!(OFFSET).write_volatile(i32x4_splat(offset));
    let steps = black_box(8);
    for row in (0..rows).step_by(ROWS) {
        let tiles = ROWS.min(rows - row) / TILE_ROWS;
        let x = x.add(row / TILE_ROWS * tile_bytes);
        for column in (0..to.columns).step_by(COLUMNS) {
            for b in (0..n_blocks).step_by(stretch) {
                let count = stretch.min(n_blocks - b);
                unpack::<W>(weight.add(b * W::BLOCK_BYTES), n_blocks, column, to.columns, count);
                let mut tile = 0;
                while tile < tiles {
                    let n = W::Dot::VECTORS.min(tiles - tile);
                    let at = x.add(tile * tile_bytes + b * TILE_BLOCK);
                    for v in 0..n {
                        *sums.add(v) = if b == 0 {
                            [ZERO; COLUMNS]
                        } else {
                            *running.add(tile + v)
                        };
                    }
                    // a last tile without its second half takes its first half twice
                    let second = if n == 2 { at.add(tile_bytes) } else { at };
                    match (W::MINIMUM, W::OFFSET_SHIFT) {
                        (true, _) => over_panel::<W::Dot, true, false>(at, second, count, steps),
                        (false, Some(0)) => over_panel::<W::Dot, false, true>(at, second, count, steps),
                        (false, _) => over_panel::<W::Dot, false, false>(at, second, count, steps),
                    }
                    for v in 0..n {
                        if b + count == n_blocks {
                            finish(to, row + (tile + v) * TILE_ROWS, column, *sums.add(v));
                        } else {
                            *running.add(tile + v) = *sums.add(v);
                        }
                    }
                    tile += n;
                }
            }
        }
    }
}

/// Blocks of `COLUMNS` columns into [`PANEL`]. `weight`: the first block of the first group.
unsafe fn unpack<W: Weights>(weight: *const u8, n_blocks: usize, column: usize, columns: usize, count: usize)
where
    W::Dot: DotOfRows,
{
    let mut to = addr_of_mut!(PANEL) as *mut u8;
    // what a last panel lacks, it takes again from its last column: finite numbers that nobody reads
    let last = columns.div_ceil(2) - 1;
    let pairs: [usize; COLUMNS / 2] = core::array::from_fn(|i| (column / 2 + i).min(last));
    for b in 0..count {
        for (i, pair) in pairs.iter().enumerate() {
            let (group, pair) = (pair / (GROUP / 2), pair % (GROUP / 2));
            let block = weight.add((group * n_blocks + b) * W::BLOCK_BYTES);
            for j in 0..4 {
                let [early, late] = W::pair(block, j, pair);
                put_words(early, to.add((j * COLUMNS + 2 * i) * WORD));
                put_words(late, to.add(((j + 4) * COLUMNS + 2 * i) * WORD));
            }
            let floats = to.add(8 * COLUMNS * WORD + 8 * i) as *mut u64;
            v128_store64_lane::<0>(W::scales(block, 2 * pair), floats);
            if W::MINIMUM {
                v128_store64_lane::<0>(W::minimums(block, 2 * pair), floats.byte_add(4 * COLUMNS));
            }
        }
        to = to.add(PANEL_BLOCK);
    }
}

/// Words of two columns, in the low half of `words`.
#[inline(always)]
unsafe fn put_words(words: v128, to: *mut u8) {
    v128_store(to as *mut v128, lane::<0>(words));
    v128_store(to.add(WORD) as *mut v128, lane::<1>(words));
}

/// `count` blocks of the panel by `VECTORS` vectors of 4 rows, added to [`SUMS`]. `second`: where the second vector's tile begins;
/// `steps`: 8, as compilers must not know. `EIGHTS`: [`OFFSET`] is 1.
#[inline(never)]
unsafe fn over_panel<D: DotOfRows, const MINIMUM: bool, const EIGHTS: bool>(
    x: *const u8,
    second: *const u8,
    count: usize,
    steps: usize,
) {
    macro_rules! blocks {
        ($($b:literal)*) => {$(
            if D::VECTORS == 2 {
                block::<2, $b, D, MINIMUM, EIGHTS>(x, second, steps);
            } else {
                block::<1, $b, D, MINIMUM, EIGHTS>(x, second, steps);
            }
            if count == $b + 1 {
                return;
            }
        )*};
    }
    blocks!(0 1 2 3 4 5 6 7 8 9 10 11);
}

/// Block `B` of the panel.
#[inline(always)]
unsafe fn block<const V: usize, const B: usize, D: DotOfRows, const MINIMUM: bool, const EIGHTS: bool>(
    x: *const u8,
    second: *const u8,
    steps: usize,
) {
    let panel = (addr_of!(PANEL) as *const u8).add(B * PANEL_BLOCK);
    let at = |v: usize, offset: usize| if v == 0 { x } else { second }.add(B * TILE_BLOCK + offset);
    let magic = constant!(f32 MAGIC);
    let eights = |v: usize| v128_load(at(v, (BLOCK + 4) * TILE_ROWS) as *const v128);
    // what makes up for the weights' offset
    let offset = addr_of!(OFFSET).read_volatile();
    let start = |v: usize| {
        // eight times a block's sum takes 16 bits, so that a product of pairs, in half the time, is the product
        let offset = if EIGHTS {
            eights(v)
        } else {
            i32x4_dot_i16x8(eights(v), offset)
        };
        i32x4_add(offset, magic)
    };
    let mut dots: [[D; V]; COLUMNS] = [core::array::from_fn(|v| D::new(start(v))); COLUMNS];
    macro_rules! steps {
        ($($s:literal)*) => {'steps: {$(
            let rows: [_; V] = core::array::from_fn(|v| D::lanes(v128_load(at(v, 16 * $s) as *const v128)));
            for c in 0..COLUMNS {
                let w = v128_load(panel.add(($s * COLUMNS + c) * WORD) as *const v128);
                for v in 0..V {
                    dots[c][v] = dots[c][v].step_rows(rows[v], w);
                }
            }
            // Never true before the last. Compilers move pure operations to where their result is used, the steps of a
            // sum thus to one place, where they would wait for each other; but not where it may be used earlier too.
            if steps == $s + 1 {
                break 'steps;
            }
        )*}};
    }
    steps!(0 1 2 3 4 5 6 7);
    let floats = panel.add(8 * COLUMNS * WORD) as *const f32;
    let scales: [v128; V] = core::array::from_fn(|v| load(at(v, BLOCK * TILE_ROWS) as *const f32));
    // the sums of the block's inputs, which its minimums are multiplied by
    let of_inputs: [v128; V] = core::array::from_fn(|v| {
        let sum = f32x4_mul(f32x4_convert_i32x4(eights(v)), constant!(f32 - 0.125));
        f32x4_mul(sum, scales[v])
    });
    let starts: [v128; V] = core::array::from_fn(start);
    // written out, or compilers may keep a loop and with it the sums in memory
    macro_rules! columns {
        ($($c:literal)*) => {$(
            let scale = splat(floats.add($c));
            for v in 0..V {
                let integer = f32x4_sub(dots[$c][v].sum(starts[v]), magic);
                let mut y = f32x4_mul(f32x4_mul(integer, scale), scales[v]);
                if MINIMUM {
                    y = f32x4_add(y, f32x4_mul(splat(floats.add(COLUMNS + $c)), of_inputs[v]));
                }
                // volatile, or compilers would keep the sums of all blocks elsewhere too
                let at = (addr_of_mut!(SUMS) as *mut v128).add(v * COLUMNS + $c);
                at.write_volatile(f32x4_add(at.read_volatile(), y));
            }
        )*};
    }
    columns!(0 1 2 3 4 5);
}

/// Bias, epilogue and store of 4 rows by a panel's columns.
#[inline(always)]
unsafe fn finish(to: &Destination, row: usize, column: usize, mut sums: Sums) {
    if !to.bias.is_null() {
        for c in 0..COLUMNS.min(to.columns - column) {
            sums[c] = f32x4_add(sums[c], splat(to.bias.add(column + c)));
        }
    }
    if to.epilogue == epilogue::GELU {
        sums = sums.map(gelu4);
    }
    let [a, b, c, d, e, f] = sums;
    let four = transpose([a, b, c, d]);
    let (ef0, ef1) = (i32x4_shuffle::<0, 4, 1, 5>(e, f), i32x4_shuffle::<2, 6, 3, 7>(e, f));
    let dst = to.dst.add(row * to.stride + column);
    if to.columns - column < COLUMNS {
        let two = [
            ef0,
            i64x2_shuffle::<1, 1>(ef0, ef0),
            ef1,
            i64x2_shuffle::<1, 1>(ef1, ef1),
        ];
        for r in 0..TILE_ROWS {
            let (mut whole, to_row) = ([0.0f32; 8], dst.add(r * to.stride));
            store(whole.as_mut_ptr(), four[r]);
            store(whole.as_mut_ptr().add(4), two[r]);
            for c in 0..to.columns - column {
                let old = if to.epilogue == epilogue::ADD {
                    *to_row.add(c)
                } else {
                    0.0
                };
                *to_row.add(c) = old + whole[c];
            }
        }
        return;
    }
    let rows: [*mut f32; TILE_ROWS] = core::array::from_fn(|r| dst.add(r * to.stride));
    let (four, ef0, ef1) = if to.epilogue == epilogue::ADD {
        let old = |r: usize| v128_load64_zero(rows[r].add(4) as *const u64);
        let pair = |r: usize| i64x2_shuffle::<0, 2>(old(r), old(r + 1));
        (
            core::array::from_fn(|r| f32x4_add(load(rows[r]), four[r])),
            f32x4_add(pair(0), ef0),
            f32x4_add(pair(2), ef1),
        )
    } else {
        (four, ef0, ef1)
    };
    for r in 0..TILE_ROWS {
        store(rows[r], four[r]);
    }
    v128_store64_lane::<0>(ef0, rows[0].add(4) as *mut u64);
    v128_store64_lane::<1>(ef0, rows[1].add(4) as *mut u64);
    v128_store64_lane::<0>(ef1, rows[2].add(4) as *mut u64);
    v128_store64_lane::<1>(ef1, rows[3].add(4) as *mut u64);
}
