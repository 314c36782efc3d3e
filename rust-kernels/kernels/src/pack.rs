//! GGUF rows into the packed matrices that the linear kernels read.
//!
//! A packed matrix is a run of groups of 8 rows (a row of GGUF is a column of the result), the last one filled up with
//! zeros. For every group, by format:
//! - f32, f16: `[width][8]` elements.
//! - q8: for each block of 32: 8 scales (f16), then the signed values `[8 steps][8 rows][4]`.
//! - q4: for each block of 32: 8 scales (f16), then `[4 steps][8 rows][4]` bytes: value `4 step + i` in the low half,
//!   value `16 + 4 step + i` in the high one, offset 8: w = scale * (nibble - 8).
//! - q4 with minimum: 8 scales, 8 minimums (f16), bytes as before: w = scale * nibble + minimum.
//!
//! Scales and minimums are stored times 2^8: then none that matters is a subnormal number, which processors multiply a
//! hundred times slower. One of 256 or more, for weights of thousands, is thus refused as an infinite one is.
use crate::activation::{blocks, BLOCK};
use crate::dequantize::{dequantize, scale_and_minimum, IQ4_NL};
use crate::half;

/// Rows in a group.
pub const GROUP: usize = 8;

/// How a packed matrix holds its values: the module's page says what lies where.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// 32-bit floats.
    F32 = 0,
    /// 16-bit floats.
    F16 = 1,
    /// 8-bit integers, a scale for each block.
    Q8 = 2,
    /// 4-bit integers, a scale for each block.
    Q4 = 3,
    /// 4-bit integers, a scale and a minimum for each block.
    Q4Min = 4,
}

/// Bytes of one block of a group in [`Format::Q8`].
pub const Q8_BLOCK: usize = 2 * GROUP + GROUP * BLOCK;
/// The same in [`Format::Q4`].
pub const Q4_BLOCK: usize = 2 * GROUP + GROUP * BLOCK / 2;
/// The same in [`Format::Q4Min`].
pub const Q4_MIN_BLOCK: usize = 4 * GROUP + GROUP * BLOCK / 2;

/// Bytes of one group of 8 rows of `width` values.
#[no_mangle]
pub extern "C" fn packed_group_bytes(width: usize, format: Format) -> usize {
    match format {
        Format::F32 => width * GROUP * 4,
        Format::F16 => width * GROUP * 2,
        Format::Q8 => blocks(width) * Q8_BLOCK,
        Format::Q4 => blocks(width) * Q4_BLOCK,
        Format::Q4Min => blocks(width) * Q4_MIN_BLOCK,
    }
}

/// f32 values of scratch that [`pack`] needs.
#[no_mangle]
pub extern "C" fn pack_scratch(width: usize) -> usize {
    GROUP * blocks(width) * BLOCK
}

/// Outcomes of [`pack`].
pub const PACKED: u32 = 0;
/// The type is unknown to [`dequantize`], or `width` is no multiple of its block.
pub const UNKNOWN_TYPE: u32 = 1;
/// A weight is NaN or infinite, or a block's scale or minimum is not below 255.9.
pub const NOT_FINITE: u32 = 2;

/// `rows` rows of `width` values in GGUF's type `ggml_type`, `row_bytes` each, into whole groups at `dst`.
/// Conversions that can be exact are: Q4_0 and Q4_1 to 4 bits, Q8_0, Q5_0 and IQ4_NL to 8 bits, Q4_K to 4 bits but for
/// the rounding of scales to f16. All others go through f32.
#[no_mangle]
pub unsafe extern "C" fn pack(
    dst: *mut u8,
    src: *const u8,
    rows: usize,
    width: usize,
    row_bytes: usize,
    ggml_type: u32,
    format: Format,
    scratch: *mut f32,
) -> u32 {
    let group_bytes = packed_group_bytes(width, format);
    let mut first = 0;
    while first < rows {
        let n = GROUP.min(rows - first);
        let (to, from) = (dst.add(first / GROUP * group_bytes), src.add(first * row_bytes));
        if n < GROUP {
            core::ptr::write_bytes(to, 0, group_bytes);
        }
        let outcome = match (ggml_type, format) {
            (ggml::Q4_0, Format::Q4) | (ggml::Q4_1, Format::Q4Min) | (ggml::Q8_0, Format::Q8) => {
                interleave(to, from, n, width, row_bytes, format)
            }
            (ggml::Q4_K, Format::Q4Min) => pack_q4_k(to, from, n, width, row_bytes),
            (ggml::Q5_0 | ggml::IQ4_NL, Format::Q8) => pack_integers(to, from, n, width, row_bytes, ggml_type),
            _ => through_f32(to, from, n, width, row_bytes, ggml_type, format, scratch),
        };
        if outcome != PACKED {
            return outcome;
        }
        first += GROUP;
    }
    PACKED
}

/// GGUF's type numbers that have a path of their own.
mod ggml {
    pub const Q4_0: u32 = 2;
    pub const Q4_1: u32 = 3;
    pub const Q5_0: u32 = 6;
    pub const Q8_0: u32 = 8;
    pub const Q4_K: u32 = 12;
    pub const IQ4_NL: u32 = 20;
}

unsafe fn u16_at(p: *const u8) -> u16 {
    (p as *const u16).read_unaligned()
}

fn finite(h: u16) -> bool {
    h & 0x7c00 != 0x7c00
}

/// A scale or minimum as packed blocks hold it; exact, or infinite.
fn stored(scale: u16) -> u16 {
    let exponent = scale & 0x7c00;
    if exponent != 0 && exponent < 23 << 10 {
        return scale + (8 << 10);
    }
    half::from_f32(half::to_f32(scale) * 256.0)
}

/// Q4_0, Q4_1, Q8_0: scale [and minimum], then bytes in the very order of ours; only words of 4 change places.
unsafe fn interleave(dst: *mut u8, src: *const u8, rows: usize, width: usize, row_bytes: usize, format: Format) -> u32 {
    let halves = if format == Format::Q4Min { 2 } else { 1 };
    let words = if format == Format::Q8 { 8 } else { 4 };
    let (from_block, to_block) = (halves * 2 + words * 4, GROUP * (halves * 2 + words * 4));
    let mut bad = false;
    for r in 0..rows {
        for b in 0..blocks(width) {
            let (from, to) = (src.add(r * row_bytes + b * from_block), dst.add(b * to_block));
            for h in 0..halves {
                let scale = stored(u16_at(from.add(2 * h)));
                bad |= !finite(scale);
                *(to as *mut u16).add(h * GROUP + r) = scale;
            }
            let to = to.add(halves * 2 * GROUP) as *mut u32;
            for w in 0..words {
                *to.add(w * GROUP + r) = (from.add(halves * 2 + 4 * w) as *const u32).read_unaligned();
            }
        }
    }
    if bad {
        NOT_FINITE
    } else {
        PACKED
    }
}

unsafe fn put_q8(dst: *mut u8, block: usize, row: usize, scale: u16, values: &[i8; BLOCK]) {
    let to = dst.add(block * Q8_BLOCK);
    *(to as *mut u16).add(row) = scale;
    for k in 0..BLOCK {
        *to.add(2 * GROUP + (k / 4 * GROUP + row) * 4 + k % 4) = values[k] as u8;
    }
}

unsafe fn put_q4(dst: *mut u8, block: usize, row: usize, scale: u16, minimum: Option<u16>, nibbles: &[u8; BLOCK]) {
    let (size, header) = if minimum.is_some() {
        (Q4_MIN_BLOCK, 4 * GROUP)
    } else {
        (Q4_BLOCK, 2 * GROUP)
    };
    let to = dst.add(block * size);
    *(to as *mut u16).add(row) = scale;
    if let Some(minimum) = minimum {
        *(to as *mut u16).add(GROUP + row) = minimum;
    }
    for k in 0..BLOCK / 2 {
        *to.add(header + (k / 4 * GROUP + row) * 4 + k % 4) = nibbles[k] | nibbles[k + 16] << 4;
    }
}

/// Types whose weights are an f16 scale times small integers.
unsafe fn pack_integers(dst: *mut u8, src: *const u8, rows: usize, width: usize, row_bytes: usize, kind: u32) -> u32 {
    let block_bytes = if kind == ggml::Q5_0 { 22 } else { 18 };
    for r in 0..rows {
        for b in 0..blocks(width) {
            let from = src.add(r * row_bytes + b * block_bytes);
            let scale = stored(u16_at(from));
            if !finite(scale) {
                return NOT_FINITE;
            }
            let mut values = [0i8; BLOCK];
            for k in 0..BLOCK {
                let byte = *from.add(block_bytes - 16 + k % 16);
                let nibble = if k < 16 { byte & 15 } else { byte >> 4 };
                values[k] = if kind == ggml::Q5_0 {
                    let fifth = *from.add(2 + k / 8) >> (k % 8) & 1;
                    (nibble | fifth << 4) as i8 - 16
                } else {
                    IQ4_NL[nibble as usize]
                };
            }
            put_q8(dst, b, r, scale, &values);
        }
    }
    PACKED
}

/// Superblocks of 256: w = (d * sc) * nibble - dmin * m, with 6-bit sc and m for each block of 32.
unsafe fn pack_q4_k(dst: *mut u8, src: *const u8, rows: usize, width: usize, row_bytes: usize) -> u32 {
    for r in 0..rows {
        for b in 0..blocks(width) {
            let (from, j) = (src.add(r * row_bytes + b / 8 * 144), b % 8);
            let (d, d_min) = (half::to_f32(u16_at(from)), half::to_f32(u16_at(from.add(2))));
            let (scale, minimum) = scale_and_minimum(core::slice::from_raw_parts(from.add(4), 12), j);
            let (scale, minimum) = (
                stored(half::from_f32(d * f32::from(scale))),
                stored(half::from_f32(-d_min * f32::from(minimum))),
            );
            if !finite(scale) || !finite(minimum) {
                return NOT_FINITE;
            }
            let mut nibbles = [0u8; BLOCK];
            for k in 0..BLOCK {
                nibbles[k] = *from.add(16 + j / 2 * 32 + k) >> (4 * (j % 2)) & 15;
            }
            put_q4(dst, b, r, scale, Some(minimum), &nibbles);
        }
    }
    PACKED
}

unsafe fn through_f32(
    dst: *mut u8,
    src: *const u8,
    rows: usize,
    width: usize,
    row_bytes: usize,
    ggml_type: u32,
    format: Format,
    scratch: *mut f32,
) -> u32 {
    let padded = blocks(width) * BLOCK;
    for r in 0..rows {
        let row = scratch.add(r * padded);
        if dequantize(row, src.add(r * row_bytes), width, ggml_type) == 0 {
            return UNKNOWN_TYPE;
        }
        core::ptr::write_bytes(row.add(width), 0, padded - width);
        for i in 0..width {
            if !(*row.add(i)).is_finite() {
                return NOT_FINITE;
            }
        }
        match format {
            Format::F32 => {
                for i in 0..width {
                    *(dst as *mut f32).add(i * GROUP + r) = *row.add(i);
                }
            }
            Format::F16 => {
                for i in 0..width {
                    let h = half::from_f32(*row.add(i));
                    if !finite(h) {
                        return NOT_FINITE;
                    }
                    *(dst as *mut u16).add(i * GROUP + r) = h;
                }
            }
            _ => {
                for b in 0..blocks(width) {
                    let x = &*(row.add(b * BLOCK) as *const [f32; BLOCK]);
                    match format {
                        Format::Q8 => {
                            let (scale, values) = quantize_q8(x);
                            if !finite(scale) {
                                return NOT_FINITE;
                            }
                            put_q8(dst, b, r, scale, &values);
                        }
                        Format::Q4 => {
                            let (scale, nibbles) = quantize_q4(x);
                            if !finite(scale) {
                                return NOT_FINITE;
                            }
                            put_q4(dst, b, r, scale, None, &nibbles);
                        }
                        _ => {
                            let (scale, minimum, nibbles) = quantize_q4_min(x);
                            if !finite(scale) || !finite(minimum) {
                                return NOT_FINITE;
                            }
                            put_q4(dst, b, r, scale, Some(minimum), &nibbles);
                        }
                    }
                }
            }
        }
    }
    PACKED
}

/// Round half away from zero, clamped to `low..=high`.
fn round(x: f32, low: i32, high: i32) -> i32 {
    ((if x < 0.0 { x - 0.5 } else { x + 0.5 }) as i32).clamp(low, high)
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 {
        0.0
    } else {
        1.0 / scale
    }
}

fn quantize_q8(x: &[f32; BLOCK]) -> (u16, [i8; BLOCK]) {
    let max = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let scale = half::from_f32(max / 127.0);
    let by = inverse(half::to_f32(scale));
    (stored(scale), x.map(|v| round(v * by, -127, 127) as i8))
}

/// Of nine scales around largest / -8, the one that leaves the least squared error after its own least-squares fit.
fn quantize_q4(x: &[f32; BLOCK]) -> (u16, [u8; BLOCK]) {
    let max = x.iter().fold(0.0f32, |m, &v| if v.abs() > m.abs() { v } else { m });
    let (mut best, mut gain) = (0.0, 0.0);
    for step in -4i32..=4 {
        let by = inverse(max) * (-8.0 + 0.25 * step as f32);
        let (mut xq, mut qq) = (0.0, 0.0);
        for &v in x {
            let q = round(v * by, -8, 7) as f32;
            xq += v * q;
            qq += q * q;
        }
        // squared error = sum x^2 - xq^2 / qq at scale xq / qq
        if qq > 0.0 && xq * xq > gain * qq {
            gain = xq * xq / qq;
            best = xq / qq;
        }
    }
    let scale = half::from_f32(best);
    let by = inverse(half::to_f32(scale));
    (stored(scale), x.map(|v| (round(v * by, -8, 7) + 8) as u8))
}

fn quantize_q4_min(x: &[f32; BLOCK]) -> (u16, u16, [u8; BLOCK]) {
    let (low, high) = x.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    let (scale, minimum) = (half::from_f32((high - low) / 15.0), half::from_f32(low));
    let (by, start) = (inverse(half::to_f32(scale)), half::to_f32(minimum));
    let nibbles = x.map(|v| round((v - start) * by, 0, 15) as u8);
    (stored(scale), stored(minimum), nibbles)
}

/// One row of a packed matrix, block by block: what the formats mean, in one place, for the plain twins and `embed`.
pub struct PackedRow {
    group: *const u8,
    row: usize,
    width: usize,
    format: Format,
}

impl PackedRow {
    /// `matrix`: packed rows of `width` values.
    pub unsafe fn new(matrix: *const u8, row: usize, width: usize, format: Format) -> Self {
        let group = matrix.add(row / GROUP * packed_group_bytes(width, format));
        Self {
            group,
            row: row % GROUP,
            width,
            format,
        }
    }

    /// Values `32 b ..` of the row; those beyond its width are left as they are.
    pub unsafe fn block(&self, b: usize, values: &mut [f32; BLOCK]) {
        let begin = b * BLOCK;
        let length = BLOCK.min(self.width - begin);
        match self.format {
            Format::F32 => {
                for k in 0..length {
                    values[k] = *(self.group as *const f32).add((begin + k) * GROUP + self.row);
                }
            }
            Format::F16 => {
                for k in 0..length {
                    values[k] = half::to_f32(*(self.group as *const u16).add((begin + k) * GROUP + self.row));
                }
            }
            Format::Q8 => {
                let block = self.group.add(b * Q8_BLOCK);
                let scale = self.half(block, 0);
                for k in 0..length {
                    let value = *block.add(2 * GROUP + (k / 4 * GROUP + self.row) * 4 + k % 4) as i8;
                    values[k] = scale * f32::from(value);
                }
            }
            Format::Q4 => {
                let block = self.group.add(b * Q4_BLOCK);
                let scale = self.half(block, 0);
                for k in 0..length {
                    values[k] = scale * (f32::from(self.nibble(block.add(2 * GROUP), k)) - 8.0);
                }
            }
            Format::Q4Min => {
                let block = self.group.add(b * Q4_MIN_BLOCK);
                let (scale, minimum) = (self.half(block, 0), self.half(block, 1));
                for k in 0..length {
                    values[k] = scale * f32::from(self.nibble(block.add(4 * GROUP), k)) + minimum;
                }
            }
        }
    }

    unsafe fn half(&self, block: *const u8, which: usize) -> f32 {
        half::to_f32(*(block as *const u16).add(which * GROUP + self.row)) * (1.0 / 256.0)
    }

    unsafe fn nibble(&self, bytes: *const u8, k: usize) -> u8 {
        *bytes.add((k % 16 / 4 * GROUP + self.row) * 4 + k % 4) >> (k / 16 * 4) & 15
    }
}
