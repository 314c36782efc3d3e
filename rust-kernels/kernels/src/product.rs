//! The integer matrix product under all quantized linear layers, block by block of 32.
//!
//! For every row and column, y = sum over blocks of ((integer sum) * weight scale) * activation scale [+ minimum * sum],
//! added up in the order of the blocks from 0. No tile shape changes that order, so a row's result does not depend on
//! the rows beside it.
//!
//! Many rows go over panels of unpacked weights ([`crate::panel`]); a few read packed weights ([`crate::few`]), and all do
//! where weights are widened. What the shape of both answers to was seen in V8's machine code, where memory is not guarded by
//! pages: a load costs a bounds check of two or three instructions, unless its address is a constant.
use crate::activation::{activation_row_bytes, blocks, TILE_ROWS};
use crate::simd::{Dot, DotOfRows};
use crate::{few, panel};
use core::arch::wasm32::*;

/// A packed format of weights, as the bytes of one block of one group of 8 columns.
pub trait Weights {
    /// How 8-bit integers are multiplied and added.
    type Dot: Dot;
    /// Of a block of one group of 8 columns.
    const BLOCK_BYTES: usize;
    /// Bits by which the activations' `-8 * sum` is shifted to make up for the offset of these weights; `None`: no offset.
    const OFFSET_SHIFT: Option<u32>;
    /// True if blocks have a minimum.
    const MINIMUM: bool;
    /// Columns 0-3 and 4-7 of step j, then of step j + 4; j under 4.
    unsafe fn steps(block: *const u8, j: usize) -> [v128; 4];
    /// Columns 2 pair and 2 pair + 1 of step j, then of step j + 4, in the low half of each; j under 4.
    unsafe fn pair(block: *const u8, j: usize, pair: usize) -> [v128; 2];
    /// Scales of the 4 columns from `column` on; those past the group's end are no numbers to rely on.
    unsafe fn scales(block: *const u8, column: usize) -> v128;
    /// As `scales`, for minimums.
    unsafe fn minimums(block: *const u8, column: usize) -> v128;
}

/// Where results go, and what happens to sums on the way.
pub struct Destination {
    /// f32 rows of `stride` values.
    pub dst: *mut f32,
    /// From one row to the next, in values.
    pub stride: usize,
    /// How many values of a row are made.
    pub columns: usize,
    /// f32 `[columns]` or null.
    pub bias: *const f32,
    /// One of [`crate::linear_float::epilogue`].
    pub epilogue: u32,
}

/// `x`: `rows` rows of `quantize`; `weight`: packed in the format `W`, of `width` inputs.
///
/// A function of its own for each format: an engine's compiler takes memory by the size of the function at hand, and of the
/// three ways to multiply 8-bit weights an engine runs one.
#[inline(never)]
pub unsafe fn linear<W: Weights>(to: Destination, x: *const u8, weight: *const u8, rows: usize, width: usize)
where
    W::Dot: DotOfRows,
{
    let whole = if rows < W::Dot::FEWEST_ROWS {
        0
    } else {
        rows / TILE_ROWS * TILE_ROWS
    };
    if whole > 0 {
        panel::many::<W>(&to, x, weight, whole, blocks(width));
    }
    if whole < rows {
        let row_bytes = activation_row_bytes(width);
        few::tiles::<W>(&to, whole, rows - whole, x, row_bytes, weight, blocks(width));
    }
}

/// As [`linear`], where no panel pays off.
#[inline(never)]
pub unsafe fn linear_packed<W: Weights>(to: Destination, x: *const u8, weight: *const u8, rows: usize, width: usize) {
    few::tiles::<W>(&to, 0, rows, x, activation_row_bytes(width), weight, blocks(width));
}
