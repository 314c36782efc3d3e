//! The integer matrix product under all quantized linear layers: tiles of up to 6 rows by 8 columns, block by block of 32.
//!
//! For every row and column, y = sum over blocks of ((integer sum) * weight scale) * activation scale [+ minimum * sum],
//! added up in the order of the blocks from 0. No tile shape changes that order, so a row's result does not depend on
//! the rows beside it.
use crate::activation::{activation_row_bytes, blocks, BLOCK, MAGIC, TILE_ROWS};
use crate::linear_float::simd::finish;
use crate::pack::GROUP;
use crate::simd::{load, splat, store, Dot};
use core::arch::wasm32::*;

/// A format of weights, as the bytes of one block of one group of 8 columns.
pub trait Weights {
    type Dot: Dot;
    const BLOCK_BYTES: usize;
    /// Bits by which the activations' `-8 * sum` is shifted to make up for the offset of these weights; `None`: no offset.
    const OFFSET_SHIFT: Option<u32>;
    /// True if blocks have a minimum.
    const MINIMUM: bool;
    /// Columns 0-3 and 4-7 of step j, then of step j + 4.
    unsafe fn steps(block: *const u8, j: usize) -> [v128; 4];
    unsafe fn scales(block: *const u8) -> [v128; 2];
    unsafe fn minimums(block: *const u8) -> [v128; 2];
}

/// Weights unpacked to one byte each, with f32 scales: what many rows are multiplied by.
pub struct Panel<W: Weights>(core::marker::PhantomData<W>);

impl<W: Weights> Weights for Panel<W> {
    type Dot = W::Dot;
    const BLOCK_BYTES: usize = GROUP * (4 + 4 + BLOCK);
    const OFFSET_SHIFT: Option<u32> = W::OFFSET_SHIFT;
    const MINIMUM: bool = W::MINIMUM;

    #[inline(always)]
    unsafe fn steps(block: *const u8, j: usize) -> [v128; 4] {
        let p = block.add(64 + j * 32) as *const v128;
        [
            v128_load(p),
            v128_load(p.add(1)),
            v128_load(p.add(8)),
            v128_load(p.add(9)),
        ]
    }
    #[inline(always)]
    unsafe fn scales(block: *const u8) -> [v128; 2] {
        [load(block as *const f32), load(block.add(16) as *const f32)]
    }
    #[inline(always)]
    unsafe fn minimums(block: *const u8) -> [v128; 2] {
        [load(block.add(32) as *const f32), load(block.add(48) as *const f32)]
    }
}

unsafe fn unpack<W: Weights>(panel: *mut u8, mut block: *const u8, count: usize) {
    for b in 0..count {
        let to = panel.add(b * Panel::<W>::BLOCK_BYTES);
        let [s0, s1] = W::scales(block);
        store(to as *mut f32, s0);
        store(to.add(16) as *mut f32, s1);
        if W::MINIMUM {
            let [m0, m1] = W::minimums(block);
            store(to.add(32) as *mut f32, m0);
            store(to.add(48) as *mut f32, m1);
        }
        for j in 0..4 {
            let p = to.add(64 + j * 32) as *mut v128;
            let [a, b, c, d] = W::steps(block, j);
            v128_store(p, a);
            v128_store(p.add(1), b);
            v128_store(p.add(8), c);
            v128_store(p.add(9), d);
        }
        block = block.add(W::BLOCK_BYTES);
    }
}

/// Blocks that a panel holds: with the scaled sums of a tile it stays in the first-level cache.
const PANEL_BLOCKS: usize = 32;
/// Rows that go over one panel: whole tiles, and their running sums stay small.
const PANEL_ROWS: usize = 21 * TILE_ROWS;
const PANEL_BYTES: usize = PANEL_BLOCKS * GROUP * (8 + BLOCK);

#[repr(align(64))]
struct Scratch {
    panel: [u8; PANEL_BYTES],
    /// One tile's scaled sums, block by block.
    scaled: [f32; PANEL_BLOCKS * TILE_ROWS * GROUP],
    /// The sums of all rows so far, where the width takes several panels.
    running: [f32; PANEL_ROWS * GROUP],
}

/// The one place that the kernels keep for themselves; there is one thread, and no call leaves anything in it.
static mut SCRATCH: Scratch = Scratch {
    panel: [0; PANEL_BYTES],
    scaled: [0.0; PANEL_BLOCKS * TILE_ROWS * GROUP],
    running: [0.0; PANEL_ROWS * GROUP],
};

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
                let sums = core::ptr::addr_of_mut!(SCRATCH.running) as *mut f32;
                few::<W>(x, n_rows, w, n_blocks, sums, true);
                to.finish(0, n_rows, sums);
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
    /// Bias, epilogue and store of rows `row..row + n`, whose sums are f32 `[n][8]`.
    #[inline(always)]
    unsafe fn finish(&self, row: usize, n: usize, sums: *const f32) {
        for r in 0..n {
            let s = [load(sums.add(r * GROUP)), load(sums.add(r * GROUP + 4))];
            finish(
                self.dst.add((row + r) * self.stride),
                s,
                self.bias,
                self.columns,
                self.epilogue,
            );
        }
    }
}

unsafe fn many<W: Weights>(
    x: *const u8,
    rows: usize,
    w: *const u8,
    n_blocks: usize,
    row_bytes: usize,
    to: &Destination,
) {
    let panel = core::ptr::addr_of_mut!(SCRATCH.panel) as *mut u8;
    let running = core::ptr::addr_of_mut!(SCRATCH.running) as *mut f32;
    for b in (0..n_blocks).step_by(PANEL_BLOCKS) {
        let count = PANEL_BLOCKS.min(n_blocks - b);
        unpack::<W>(panel, w.add(b * W::BLOCK_BYTES), count);
        let last = b + count == n_blocks;
        for row in (0..rows).step_by(TILE_ROWS) {
            let n = TILE_ROWS.min(rows - row);
            let at = x.add(row * row_bytes + b * n * (BLOCK + 8));
            let sums = running.add(row * GROUP);
            few::<Panel<W>>(at, n, panel, count, sums, b == 0);
            if last {
                to.finish(row, n, sums);
            }
        }
    }
}

/// Up to 6 rows of one tile, as many at a time as the registers hold.
unsafe fn few<W: Weights>(x: *const u8, rows: usize, w: *const u8, count: usize, sums: *mut f32, fresh: bool) {
    if rows == TILE_ROWS && W::Dot::ROWS == TILE_ROWS {
        return full_tile::<W>(x, w, count, sums, fresh);
    }
    let mut r = 0;
    while r < rows {
        let n = W::Dot::ROWS.min(rows - r);
        let (x, sums) = (x.add(4 * r), sums.add(GROUP * r));
        match n {
            1 => tile::<1, W>(x, rows, w, count, sums, fresh),
            2 => tile::<2, W>(x, rows, w, count, sums, fresh),
            3 => tile::<3, W>(x, rows, w, count, sums, fresh),
            4 => tile::<4, W>(x, rows, w, count, sums, fresh),
            _ => tile::<5, W>(x, rows, w, count, sums, fresh),
        }
        r += n;
    }
}

/// The scaled sums of one block: R of a tile's `rows` rows by two groups of 4 columns.
#[inline(always)]
unsafe fn block_sums<const R: usize, W: Weights>(x: *const u8, rows: usize, w: *const u8) -> [[v128; 2]; R] {
    let magic = f32x4_splat(MAGIC);
    let mut dots = [[W::Dot::new(magic); 2]; R];
    let starts = x.add(9 * rows * 4);
    if let Some(shift) = W::OFFSET_SHIFT {
        for r in 0..R {
            let mut start = v128_load32_splat(starts.add(4 * r) as *const u32);
            if shift != 0 {
                start = i32x4_add(i32x4_shl(i32x4_sub(start, magic), shift), magic);
            }
            dots[r] = [W::Dot::new(start); 2];
        }
    }
    for j in 0..4 {
        let [a, b, c, d] = W::steps(w, j);
        let (early, late) = (x.add(j * rows * 4), x.add((j + 4) * rows * 4));
        for r in 0..R {
            let v = W::Dot::values(early.add(4 * r));
            dots[r] = [dots[r][0].step(v, a), dots[r][1].step(v, b)];
        }
        for r in 0..R {
            let v = W::Dot::values(late.add(4 * r));
            dots[r] = [dots[r][0].step(v, c), dots[r][1].step(v, d)];
        }
    }
    let [s0, s1] = W::scales(w);
    let scales = x.add(8 * rows * 4);
    let mut y = [[magic; 2]; R];
    for r in 0..R {
        let s = splat(scales.add(4 * r) as *const f32);
        y[r] = [
            f32x4_mul(f32x4_mul(f32x4_sub(dots[r][0].sum(), magic), s0), s),
            f32x4_mul(f32x4_mul(f32x4_sub(dots[r][1].sum(), magic), s1), s),
        ];
        if W::MINIMUM {
            let [m0, m1] = W::minimums(w);
            let start = splat(starts.add(4 * r) as *const f32);
            let sum = f32x4_mul(f32x4_mul(f32x4_sub(magic, start), f32x4_splat(0.125)), s);
            y[r] = [
                f32x4_add(y[r][0], f32x4_mul(m0, sum)),
                f32x4_add(y[r][1], f32x4_mul(m1, sum)),
            ];
        }
    }
    y
}

/// Few rows: the running sums fit the registers beside the integer ones.
#[inline(always)]
unsafe fn tile<const R: usize, W: Weights>(
    mut x: *const u8,
    rows: usize,
    mut w: *const u8,
    count: usize,
    at: *mut f32,
    fresh: bool,
) {
    let mut sums = [[f32x4_splat(0.0); 2]; R];
    if !fresh {
        for r in 0..R {
            sums[r] = [load(at.add(r * GROUP)), load(at.add(r * GROUP + 4))];
        }
    }
    let end = w.add(count * W::BLOCK_BYTES);
    while w != end {
        let y = block_sums::<R, W>(x, rows, w);
        for r in 0..R {
            sums[r] = [f32x4_add(sums[r][0], y[r][0]), f32x4_add(sums[r][1], y[r][1])];
        }
        w = w.add(W::BLOCK_BYTES);
        x = x.add(rows * (BLOCK + 8));
    }
    for r in 0..R {
        store(at.add(r * GROUP), sums[r][0]);
        store(at.add(r * GROUP + 4), sums[r][1]);
    }
}

/// 6 rows: the integer sums alone fill the registers, so each block's result is put aside and all are added up at the end.
/// Adding to a sum in memory block by block would wait for every store.
#[inline(always)]
unsafe fn full_tile<W: Weights>(mut x: *const u8, mut w: *const u8, count: usize, at: *mut f32, fresh: bool) {
    const VALUES: usize = TILE_ROWS * GROUP;
    let scaled = core::ptr::addr_of_mut!(SCRATCH.scaled) as *mut f32;
    let mut left = count;
    let mut fresh = fresh;
    while left > 0 {
        let n = PANEL_BLOCKS.min(left);
        for b in 0..n {
            let y = block_sums::<TILE_ROWS, W>(x, TILE_ROWS, w);
            for r in 0..TILE_ROWS {
                store(scaled.add(b * VALUES + r * GROUP), y[r][0]);
                store(scaled.add(b * VALUES + r * GROUP + 4), y[r][1]);
            }
            w = w.add(W::BLOCK_BYTES);
            x = x.add(TILE_ROWS * (BLOCK + 8));
        }
        let mut sums = [f32x4_splat(0.0); VALUES / 4];
        if !fresh {
            for i in 0..VALUES / 4 {
                sums[i] = load(at.add(4 * i));
            }
        }
        for b in 0..n {
            for i in 0..VALUES / 4 {
                sums[i] = f32x4_add(sums[i], load(scaled.add(b * VALUES + 4 * i)));
            }
        }
        for i in 0..VALUES / 4 {
            store(at.add(4 * i), sums[i]);
        }
        left -= n;
        fresh = false;
    }
}
