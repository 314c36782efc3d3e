//! GGUF's weight types, read exactly: f32 values in the order of operations of ggml's own reference.
//! Block layouts: ggml's `ggml-common.h`; arithmetic checked against the Python package `gguf`.
use crate::half;

/// Reads one block: its bytes, and the values that it holds.
type ReadBlock = fn(&[u8], &mut [f32]);

/// `dst`: f32 `[elements]`; `src`: whole blocks of `ggml_type`. Returns 1, or 0 if the type is not known or `elements`
/// does not fill its blocks.
#[no_mangle]
pub unsafe extern "C" fn dequantize(dst: *mut f32, src: *const u8, elements: usize, ggml_type: u32) -> u32 {
    let (block, bytes, read): (usize, usize, ReadBlock) = match ggml_type {
        0 => (1, 4, f32_block),
        1 => (1, 2, f16_block),
        2 => (32, 18, q4_0),
        3 => (32, 20, q4_1),
        6 => (32, 22, q5_0),
        7 => (32, 24, q5_1),
        8 => (32, 34, q8_0),
        12 => (256, 144, q4_k),
        13 => (256, 176, q5_k),
        14 => (256, 210, q6_k),
        20 => (32, 18, iq4_nl),
        30 => (1, 2, bf16_block),
        _ => return 0,
    };
    if !elements.is_multiple_of(block) {
        return 0;
    }
    for b in 0..elements / block {
        read(
            core::slice::from_raw_parts(src.add(b * bytes), bytes),
            core::slice::from_raw_parts_mut(dst.add(b * block), block),
        );
    }
    1
}

/// The codebook of IQ4_NL.
pub const IQ4_NL: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

fn u16_at(s: &[u8], i: usize) -> u16 {
    u16::from_le_bytes([s[i], s[i + 1]])
}

fn half_at(s: &[u8], i: usize) -> f32 {
    half::to_f32(u16_at(s, i))
}

/// Low halves of 16 bytes, then the high halves.
fn nibble(bytes: &[u8], k: usize) -> u8 {
    bytes[k % 16] >> (k / 16 * 4) & 15
}

fn f32_block(s: &[u8], y: &mut [f32]) {
    y[0] = f32::from_le_bytes([s[0], s[1], s[2], s[3]]);
}

fn f16_block(s: &[u8], y: &mut [f32]) {
    y[0] = half_at(s, 0);
}

fn bf16_block(s: &[u8], y: &mut [f32]) {
    y[0] = f32::from_bits(u32::from(u16_at(s, 0)) << 16);
}

fn q4_0(s: &[u8], y: &mut [f32]) {
    let d = half_at(s, 0);
    for k in 0..32 {
        y[k] = d * (f32::from(nibble(&s[2..], k)) - 8.0);
    }
}

fn q4_1(s: &[u8], y: &mut [f32]) {
    let (d, m) = (half_at(s, 0), half_at(s, 2));
    for k in 0..32 {
        y[k] = d * f32::from(nibble(&s[4..], k)) + m;
    }
}

/// The fifth bits of 32 values lie in 4 bytes of their own.
fn five_bits(high: &[u8], low: &[u8], k: usize) -> u8 {
    nibble(low, k) | (high[k / 8] >> (k % 8) & 1) << 4
}

fn q5_0(s: &[u8], y: &mut [f32]) {
    let d = half_at(s, 0);
    for k in 0..32 {
        y[k] = d * (f32::from(five_bits(&s[2..6], &s[6..], k)) - 16.0);
    }
}

fn q5_1(s: &[u8], y: &mut [f32]) {
    let (d, m) = (half_at(s, 0), half_at(s, 2));
    for k in 0..32 {
        y[k] = d * f32::from(five_bits(&s[4..8], &s[8..], k)) + m;
    }
}

fn q8_0(s: &[u8], y: &mut [f32]) {
    let d = half_at(s, 0);
    for k in 0..32 {
        y[k] = d * f32::from(s[2 + k] as i8);
    }
}

/// 6-bit scale and minimum of block `j` of a superblock's eight.
pub fn scale_and_minimum(s: &[u8], j: usize) -> (u8, u8) {
    if j < 4 {
        (s[j] & 63, s[j + 4] & 63)
    } else {
        (s[j + 4] & 15 | s[j - 4] >> 6 << 4, s[j + 4] >> 4 | s[j] >> 6 << 4)
    }
}

fn q4_k(s: &[u8], y: &mut [f32]) {
    let (d, d_min) = (half_at(s, 0), half_at(s, 2));
    for j in 0..8 {
        let (scale, minimum) = scale_and_minimum(&s[4..16], j);
        let (scale, minimum) = (d * f32::from(scale), d_min * f32::from(minimum));
        for k in 0..32 {
            y[32 * j + k] = scale * f32::from(s[16 + j / 2 * 32 + k] >> (j % 2 * 4) & 15) - minimum;
        }
    }
}

fn q5_k(s: &[u8], y: &mut [f32]) {
    let (d, d_min) = (half_at(s, 0), half_at(s, 2));
    for j in 0..8 {
        let (scale, minimum) = scale_and_minimum(&s[4..16], j);
        let (scale, minimum) = (d * f32::from(scale), d_min * f32::from(minimum));
        for k in 0..32 {
            let low = s[48 + j / 2 * 32 + k] >> (j % 2 * 4) & 15;
            let high = s[16 + k] >> j & 1;
            y[32 * j + k] = scale * f32::from(low | high << 4) - minimum;
        }
    }
}

/// 256 values: 4 low bits in 128 bytes, 2 high bits in 64, 16 signed scales, one f16.
fn q6_k(s: &[u8], y: &mut [f32]) {
    let d = half_at(s, 208);
    for i in 0..256 {
        let (half, k) = (i / 128, i % 128);
        let low = s[64 * half + k % 64] >> (k / 64 * 4) & 15;
        let high = s[128 + 32 * half + k % 32] >> (k / 32 * 2) & 3;
        let scale = d * f32::from(s[192 + i / 16] as i8);
        y[i] = scale * (f32::from(low | high << 4) - 32.0);
    }
}

fn iq4_nl(s: &[u8], y: &mut [f32]) {
    let d = half_at(s, 0);
    for k in 0..32 {
        y[k] = d * f32::from(IQ4_NL[usize::from(nibble(&s[2..], k))]);
    }
}
