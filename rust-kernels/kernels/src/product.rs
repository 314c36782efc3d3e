//! The integer matrix product under all quantized linear layers: tiles of up to 4 rows by 8 columns, block by block of 32.
//!
//! For every row and column, y = sum over blocks of ((integer sum) * weight scale) * activation scale [+ minimum * sum],
//! added up in the order of the blocks from 0. No tile shape changes that order, so a row's result does not depend on
//! the rows beside it.
//!
//! What the shape of this code answers to (seen in V8's machine code, where memory is not guarded by pages): every
//! load costs a bounds check, so words of several rows come by one load and are spread by shuffles, and what must be
//! kept is kept at constant addresses, which need none; and pure operations of a loop that has been unrolled are
//! moved together by their chains, which then wait for each other, so the inner loops must stay loops: their length
//! is hidden from the compiler.
use crate::activation::{activation_row_bytes, blocks, BLOCK, MAGIC, TILE_ROWS};
use crate::linear_float::simd::finish;
use crate::pack::GROUP;
use crate::simd::{lanes, load, store, Dot};
use core::arch::wasm32::*;
use core::hint::black_box;
use core::ptr::addr_of_mut;

/// A packed format of weights, as the bytes of one block of one group of 8 columns.
pub trait Weights {
    type Dot: Dot;
    const BLOCK_BYTES: usize;
    /// Bits by which the activations' `-8 * sum` is shifted to make up for the offset of these weights; `None`: no offset.
    const OFFSET_SHIFT: Option<u32>;
    /// True if blocks have a minimum.
    const MINIMUM: bool;
    /// Columns 0-3 and 4-7 of step j, then of step j + 4; j under 4.
    unsafe fn steps(block: *const u8, j: usize) -> [v128; 4];
    unsafe fn scales(block: *const u8) -> [v128; 2];
    unsafe fn minimums(block: *const u8) -> [v128; 2];
}

/// Blocks that a panel holds, so that it stays in the first-level cache.
const PANEL_BLOCKS: usize = 32;
/// Rows that go over one panel.
const PANEL_ROWS: usize = 32 * TILE_ROWS;
/// One block of a panel: a byte for each weight, then scales and minimums in f32.
const PANEL_BLOCK: usize = GROUP * (BLOCK + 8);
/// Bytes of one step's weights: 4 of each of 8 columns.
const STEP: usize = 32;
const STEPS: usize = GROUP * BLOCK;

const ZERO: v128 = f32x4(0.0, 0.0, 0.0, 0.0);

/// What the kernels keep for themselves; there is one thread, and no call leaves anything in it.
static mut PANEL: [v128; PANEL_BLOCKS * PANEL_BLOCK / 16] = [ZERO; PANEL_BLOCKS * PANEL_BLOCK / 16];
/// The sums of the tile at hand: at a constant address they cost no bounds check.
static mut SUMS: [[v128; 2]; TILE_ROWS] = [[ZERO; 2]; TILE_ROWS];
/// The sums of all rows so far, where the width takes several panels.
static mut RUNNING: [[v128; 2]; PANEL_ROWS] = [[ZERO; 2]; PANEL_ROWS];

/// `dst`: f32 rows of `stride` values; `x`: `rows` rows of `quantize`; `weight`: packed in the format `W`.
pub unsafe fn linear<W: Weights>(
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
    let n_blocks = blocks(width);
    let row_bytes = activation_row_bytes(width);
    for row in (0..rows).step_by(PANEL_ROWS) {
        let n_rows = PANEL_ROWS.min(rows - row);
        let x = x.add(row * row_bytes);
        for first in (0..columns).step_by(GROUP) {
            let to = Destination {
                dst: dst.add(row * stride + first),
                bias: if bias.is_null() { bias } else { bias.add(first) },
                columns: GROUP.min(columns - first),
                stride,
                epilogue,
            };
            let w = weight.add(first / GROUP * n_blocks * W::BLOCK_BYTES);
            if n_rows <= TILE_ROWS {
                few::<W>(x, n_rows, w, n_blocks, &to);
            } else {
                many::<W>(x, n_rows, w, n_blocks, row_bytes, &to);
            }
        }
    }
}

struct Destination {
    dst: *mut f32,
    bias: *const f32,
    columns: usize,
    stride: usize,
    epilogue: u32,
}

impl Destination {
    /// Bias, epilogue and store of rows `row..row + n` from [`SUMS`].
    unsafe fn finish(&self, row: usize, n: usize) {
        for r in 0..n {
            finish(
                self.dst.add((row + r) * self.stride),
                SUMS[r],
                self.bias,
                self.columns,
                self.epilogue,
            );
        }
    }
}

/// Up to one tile of rows: weights are unpacked on the way into the registers.
unsafe fn few<W: Weights>(x: *const u8, rows: usize, w: *const u8, n_blocks: usize, to: &Destination) {
    let sums = addr_of_mut!(SUMS) as *mut [v128; 2];
    for r in 0..rows {
        *sums.add(r) = [ZERO; 2];
    }
    in_parts::<W::Dot>(rows, |r, n| match n {
        1 => packed_tile::<1, W>(x, r, rows, w, n_blocks),
        2 => packed_tile::<2, W>(x, r, rows, w, n_blocks),
        3 => packed_tile::<3, W>(x, r, rows, w, n_blocks),
        _ => packed_tile::<4, W>(x, r, rows, w, n_blocks),
    });
    to.finish(0, rows);
}

/// Many rows: a group's weights are unpacked once into a panel that all rows go over.
unsafe fn many<W: Weights>(
    x: *const u8,
    rows: usize,
    w: *const u8,
    n_blocks: usize,
    row_bytes: usize,
    to: &Destination,
) {
    let sums = addr_of_mut!(SUMS) as *mut [v128; 2];
    let running = addr_of_mut!(RUNNING) as *mut [v128; 2];
    for b in (0..n_blocks).step_by(PANEL_BLOCKS) {
        let count = PANEL_BLOCKS.min(n_blocks - b);
        unpack::<W>(w.add(b * W::BLOCK_BYTES), count);
        let last = b + count == n_blocks;
        for row in (0..rows).step_by(TILE_ROWS) {
            let n = TILE_ROWS.min(rows - row);
            let at = x.add(row * row_bytes + b * n * (BLOCK + 8));
            for r in 0..n {
                *sums.add(r) = if b == 0 { [ZERO; 2] } else { *running.add(row + r) };
            }
            in_parts::<W::Dot>(n, |r, part| match part {
                1 => panel_tile::<1, W>(at, r, n, count),
                2 => panel_tile::<2, W>(at, r, n, count),
                3 => panel_tile::<3, W>(at, r, n, count),
                _ => panel_tile::<4, W>(at, r, n, count),
            });
            if last {
                to.finish(row, n);
            } else {
                core::ptr::copy_nonoverlapping(sums, running.add(row), n);
            }
        }
    }
}

/// Calls `part(first row, rows)` for a tile's rows, as many at a time as the registers hold.
#[inline(always)]
fn in_parts<D: Dot>(rows: usize, part: impl Fn(usize, usize)) {
    let mut r = 0;
    while r < rows {
        let n = D::ROWS.min(rows - r);
        part(r, n);
        r += n;
    }
}

unsafe fn unpack<W: Weights>(mut block: *const u8, count: usize) {
    let mut to = addr_of_mut!(PANEL) as *mut u8;
    for _ in 0..count {
        for j in 0..4 {
            let [a, b, c, d] = W::steps(block, j);
            let p = to.add(j * STEP) as *mut v128;
            v128_store(p, a);
            v128_store(p.add(1), b);
            v128_store(p.add(8), c);
            v128_store(p.add(9), d);
        }
        let floats = to.add(STEPS) as *mut f32;
        let [s0, s1] = W::scales(block);
        store(floats, s0);
        store(floats.add(4), s1);
        if W::MINIMUM {
            let [m0, m1] = W::minimums(block);
            store(floats.add(8), m0);
            store(floats.add(12), m1);
        }
        block = block.add(W::BLOCK_BYTES);
        to = to.add(PANEL_BLOCK);
    }
}

/// Rows `r..r + R` of a tile of `rows`, over `count` blocks of the panel, added to [`SUMS`].
unsafe fn panel_tile<const R: usize, W: Weights>(x: *const u8, r: usize, rows: usize, count: usize) {
    let steps = black_box(STEPS);
    let mut x = x.add(4 * r);
    let mut w = addr_of_mut!(PANEL) as *const u8;
    for _ in 0..count {
        let mut dots = starts::<R, W>(x, rows);
        let (end, mut values) = (w.add(steps), x);
        while w != end {
            let (a, b) = (v128_load(w as *const v128), v128_load(w.add(16) as *const v128));
            let v = lanes::<R>(values).map(W::Dot::values);
            for r in 0..R {
                dots[r] = [dots[r][0].step(v[r], a), dots[r][1].step(v[r], b)];
            }
            w = w.add(STEP);
            values = values.add(4 * rows);
        }
        let floats = w as *const f32;
        let scales = [load(floats), load(floats.add(4))];
        let minimums = if W::MINIMUM {
            [load(floats.add(8)), load(floats.add(12))]
        } else {
            scales
        };
        add_scaled::<R, W>(sums_at::<W>(r), dots, scales, minimums, values, rows);
        w = w.add(PANEL_BLOCK - STEPS);
        x = x.add(rows * (BLOCK + 8));
    }
}

/// As [`panel_tile`], from packed weights.
unsafe fn packed_tile<const R: usize, W: Weights>(x: *const u8, r: usize, rows: usize, w: *const u8, count: usize) {
    // the few sums of one or two rows fit the registers, and leave room there for the chains of an unrolled loop
    let half = if R == 1 { 4 } else { black_box(4) };
    let mut local = [[ZERO; 2]; R];
    let mut x = x.add(4 * r);
    let mut w = w;
    for _ in 0..count {
        let mut dots = starts::<R, W>(x, rows);
        for j in 0..half {
            let [a, b, c, d] = W::steps(w, j);
            let early = lanes::<R>(x.add(j * 4 * rows)).map(W::Dot::values);
            let late = lanes::<R>(x.add((j + 4) * 4 * rows)).map(W::Dot::values);
            for r in 0..R {
                dots[r] = [dots[r][0].step(early[r], a), dots[r][1].step(early[r], b)];
                dots[r] = [dots[r][0].step(late[r], c), dots[r][1].step(late[r], d)];
            }
        }
        let minimums = if W::MINIMUM { W::minimums(w) } else { [ZERO; 2] };
        let sums = if R <= 2 { local.as_mut_ptr() } else { sums_at::<W>(r) };
        add_scaled::<R, W>(sums, dots, W::scales(w), minimums, x.add(BLOCK * rows), rows);
        w = w.add(W::BLOCK_BYTES);
        x = x.add(rows * (BLOCK + 8));
    }
    if R <= 2 {
        core::ptr::copy_nonoverlapping(local.as_ptr(), sums_at::<W>(r), R);
    }
}

/// What the sums of a block begin with: the magic number, and what makes up for the weights' offset.
#[inline(always)]
unsafe fn starts<const R: usize, W: Weights>(x: *const u8, rows: usize) -> [[W::Dot; 2]; R] {
    let magic = f32x4_splat(MAGIC);
    let Some(shift) = W::OFFSET_SHIFT else {
        return [[W::Dot::new(magic); 2]; R];
    };
    lanes::<R>(x.add((BLOCK + 4) * rows)).map(|start| [W::Dot::new(i32x4_add(i32x4_shl(start, shift), magic)); 2])
}

/// Adds a block's integer sums, scaled, to `sums`. `scales`: address of the activations' scales.
#[inline(always)]
unsafe fn add_scaled<const R: usize, W: Weights>(
    sums: *mut [v128; 2],
    dots: [[W::Dot; 2]; R],
    [s0, s1]: [v128; 2],
    [m0, m1]: [v128; 2],
    scales: *const u8,
    rows: usize,
) {
    let magic = f32x4_splat(MAGIC);
    let scale = lanes::<R>(scales);
    for i in 0..R {
        let mut y = [
            f32x4_mul(f32x4_mul(f32x4_sub(dots[i][0].sum(), magic), s0), scale[i]),
            f32x4_mul(f32x4_mul(f32x4_sub(dots[i][1].sum(), magic), s1), scale[i]),
        ];
        if W::MINIMUM {
            let start = lanes::<R>(scales.add(4 * rows))[i];
            let sum = f32x4_mul(f32x4_mul(f32x4_convert_i32x4(start), f32x4_splat(-0.125)), scale[i]);
            y = [f32x4_add(y[0], f32x4_mul(m0, sum)), f32x4_add(y[1], f32x4_mul(m1, sum))];
        }
        let [a, b] = *sums.add(i);
        *sums.add(i) = [f32x4_add(a, y[0]), f32x4_add(b, y[1])];
    }
}

/// Where the sums of rows `r..` are kept: the address is a constant where a tile is always treated whole.
#[inline(always)]
unsafe fn sums_at<W: Weights>(r: usize) -> *mut [v128; 2] {
    let at = if W::Dot::ROWS == TILE_ROWS { 0 } else { r };
    (addr_of_mut!(SUMS) as *mut [v128; 2]).add(at)
}
