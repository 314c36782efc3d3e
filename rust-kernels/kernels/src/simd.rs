//! What the SIMD twins share: loads, f16, exp, and integer dot products of four.
use crate::activation::MAGIC;
use core::arch::wasm32::*;

#[inline(always)]
pub unsafe fn load(p: *const f32) -> v128 {
    v128_load(p as *const v128)
}

#[inline(always)]
pub unsafe fn store(p: *mut f32, v: v128) {
    v128_store(p as *mut v128, v)
}

#[inline(always)]
pub unsafe fn splat(p: *const f32) -> v128 {
    v128_load32_splat(p as *const u32)
}

/// Four f16 -> four f32. Finite values only: an infinity becomes 65536, which weights and caches never hold.
#[inline(always)]
pub unsafe fn load_f16(p: *const u16) -> v128 {
    // sign-extended and shifted, the sign lands in bit 31 and exponent and mantissa in place, 112 too low in exponent
    let bits = v128_and(
        i32x4_shl(i32x4_load_extend_i16x4(p as *const i16), 13),
        u32x4_splat(0x8fff_e000),
    );
    f32x4_mul(bits, f32x4_splat(f32::from_bits(0x7780_0000)))
}

/// As [`load_f16`], for values that are often below 2^-14, such as the scales of 8-bit weights: there it would multiply
/// subnormal numbers, which processors do a hundred times slower.
#[inline(always)]
pub unsafe fn load_small_f16(p: *const u16) -> v128 {
    let h = i32x4_load_extend_i16x4(p as *const i16);
    let magnitude = v128_and(i32x4_shl(h, 13), u32x4_splat(0x0fff_e000));
    // a subnormal is read as 2^-14 * 1.mantissa, and 2^-14 is taken off
    let subnormal = i32x4_lt(magnitude, i32x4_splat(1 << 23));
    let exponent = i32x4_sub(i32x4_splat(112 << 23), v128_and(subnormal, i32x4_splat(-(1 << 23))));
    let value = f32x4_sub(
        i32x4_add(magnitude, exponent),
        v128_and(subnormal, i32x4_splat(113 << 23)),
    );
    v128_or(value, v128_and(h, i32x4_splat(i32::MIN)))
}

#[inline(always)]
pub fn horizontal_sum(v: v128) -> f32 {
    (f32x4_extract_lane::<0>(v) + f32x4_extract_lane::<2>(v))
        + (f32x4_extract_lane::<1>(v) + f32x4_extract_lane::<3>(v))
}

/// The larger, lane by lane; where `a` is NaN, NaN. One instruction, which IEEE's maximum is not.
#[inline(always)]
pub fn max(a: v128, b: v128) -> v128 {
    f32x4_pmax(a, b)
}

/// e^x in four lanes, relative error under 2e-7 on [-60, 88], constant beyond; NaN stays NaN. Smaller results
/// would lead to subnormal numbers, a hundred times slower, in sums that cannot feel them.
/// Cody-Waite reduction by ln 2, then the degree-6 polynomial of Cephes' `expf`.
#[inline(always)]
pub fn exp(x: v128) -> v128 {
    let x = f32x4_pmax(f32x4_pmin(x, f32x4_splat(88.0)), f32x4_splat(-60.0));
    let magic = f32x4_splat(MAGIC);
    let shifted = f32x4_add(f32x4_mul(x, f32x4_splat(core::f32::consts::LOG2_E)), magic);
    let n = f32x4_sub(shifted, magic);
    let r = f32x4_sub(x, f32x4_mul(n, f32x4_splat(0.693_359_4)));
    let r = f32x4_sub(r, f32x4_mul(n, f32x4_splat(-2.121_944_4e-4)));
    let mut y = f32x4_splat(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        y = f32x4_add(f32x4_mul(y, r), f32x4_splat(c));
    }
    y = f32x4_add(f32x4_add(f32x4_mul(y, f32x4_mul(r, r)), r), f32x4_splat(1.0));
    // the low bits of the shifted value are n: as an exponent they make 2^n
    let power = i32x4_add(i32x4_shl(shifted, 23), i32x4_splat(127 << 23));
    f32x4_mul(y, power)
}

/// What `i32x4.relaxed_dot_i8x16_i7x16_add_s` does on this engine with bytes over 127 in its second operand.
/// 7-bit values there are exact everywhere; for 8-bit weights the kernels need to know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bytes {
    /// Neither way exact (pairs saturate in 16 bits), or no relaxed SIMD: widen to 16 bits instead.
    Widen = 0,
    /// Unsigned and exact (x86 with VNNI).
    Unsigned = 1,
    /// Signed and exact (ARM's SDOT, x86 with VNNI-INT8).
    Signed = 2,
}

/// `v` with one of its lanes in all four.
#[inline(always)]
pub fn lane<const I: usize>(v: v128) -> v128 {
    i32x4_shuffle::<I, I, I, I>(v, v)
}

/// R words that follow each other in memory, each in all lanes of a vector, with as few loads as can be: engines check
/// the bounds of every one.
#[inline(always)]
pub unsafe fn lanes<const R: usize>(p: *const u8) -> [v128; R] {
    let two = |p: *const u8| v128_load64_splat(p as *const u64);
    let one = |p: *const u8| v128_load32_splat(p as *const u32);
    let all = match R {
        1 => [one(p); 4],
        2 => [lane::<0>(two(p)), lane::<1>(two(p)), two(p), two(p)],
        3 => [lane::<0>(two(p)), lane::<1>(two(p)), one(p.add(8)), one(p.add(8))],
        _ => {
            let v = v128_load(p as *const v128);
            [lane::<0>(v), lane::<1>(v), lane::<2>(v), lane::<3>(v)]
        }
    };
    core::array::from_fn(|r| all[r])
}

/// The running sum of one block of 32: 4 columns (lanes), fed with 4 bytes of each column at a time.
pub trait Dot: Copy {
    /// Rows whose sums fit the registers together, times two groups of columns.
    const ROWS: usize;
    /// Four activations of one row, in all lanes, as [`Dot::step`] takes them.
    fn values(word: v128) -> v128;
    /// A sum that begins at `start`.
    fn new(start: v128) -> Self;
    /// Lane n += sum over i of `a[i] * w[4n + i]`; a signed, w as the implementation says.
    fn step(self, a: v128, w: v128) -> Self;
    fn sum(self) -> v128;
}

/// w in 0..=127 with one relaxed instruction, exact on every engine; or 8 bits where [`Bytes`] says that they are.
#[cfg(target_feature = "relaxed-simd")]
#[derive(Clone, Copy)]
pub struct Relaxed(v128);

#[cfg(target_feature = "relaxed-simd")]
impl Dot for Relaxed {
    const ROWS: usize = 4;
    #[inline(always)]
    fn values(word: v128) -> v128 {
        word
    }
    #[inline(always)]
    fn step(self, a: v128, w: v128) -> Self {
        Self(i32x4_relaxed_dot_i8x16_i7x16_add(a, w, self.0))
    }
    #[inline(always)]
    fn sum(self) -> v128 {
        self.0
    }
    #[inline(always)]
    fn new(start: v128) -> Self {
        Self(start)
    }
}

/// w signed 8 bits, widened to 16. Products come in pairs: `low` holds columns 0, 0, 1, 1 and `high` 2, 2, 3, 3.
#[derive(Clone, Copy)]
pub struct Widened {
    start: v128,
    low: v128,
    high: v128,
}

impl Dot for Widened {
    const ROWS: usize = 2;
    #[inline(always)]
    fn values(word: v128) -> v128 {
        i16x8_extend_low_i8x16(word)
    }
    #[inline(always)]
    fn step(self, a: v128, w: v128) -> Self {
        let low = i32x4_dot_i16x8(a, i16x8_extend_low_i8x16(w));
        let high = i32x4_dot_i16x8(a, i16x8_extend_high_i8x16(w));
        Self {
            start: self.start,
            low: i32x4_add(self.low, low),
            high: i32x4_add(self.high, high),
        }
    }
    #[inline(always)]
    fn sum(self) -> v128 {
        let even = i32x4_shuffle::<0, 2, 4, 6>(self.low, self.high);
        let odd = i32x4_shuffle::<1, 3, 5, 7>(self.low, self.high);
        i32x4_add(self.start, i32x4_add(even, odd))
    }
    #[inline(always)]
    fn new(start: v128) -> Self {
        Self {
            start,
            low: i32x4_splat(0),
            high: i32x4_splat(0),
        }
    }
}

/// How this engine treats bytes over 127 in a relaxed dot product: a value of [`Bytes`].
#[no_mangle]
pub extern "C" fn relaxed_bytes() -> u32 {
    #[cfg(target_feature = "relaxed-simd")]
    {
        // 4 x 127 x 255 and 4 x 127 x -1: a saturating engine gives neither
        let a = core::hint::black_box(i8x16_splat(127));
        let w = core::hint::black_box(i8x16_splat(-1));
        let big = i32x4_extract_lane::<0>(i32x4_relaxed_dot_i8x16_i7x16_add(a, w, i32x4_splat(0)));
        // -128 x 4 x 127 saturates where pairs are summed in 16 bits from signed bytes
        let low = core::hint::black_box(i8x16_splat(-128));
        let small = i32x4_extract_lane::<0>(i32x4_relaxed_dot_i8x16_i7x16_add(a, low, i32x4_splat(0)));
        if big == 4 * 127 * 255 && small == 4 * 127 * 128 {
            return Bytes::Unsigned as u32;
        }
        if big == -4 * 127 && small == -4 * 127 * 128 {
            return Bytes::Signed as u32;
        }
    }
    Bytes::Widen as u32
}
