//! What the SIMD twins share: loads, f16, exp, and integer dot products of four.
use core::arch::wasm32::*;

/// Four values from any address.
#[inline(always)]
pub unsafe fn load(p: *const f32) -> v128 {
    v128_load(p as *const v128)
}

/// Four values to any address.
#[inline(always)]
pub unsafe fn store(p: *mut f32, v: v128) {
    v128_store(p as *mut v128, v)
}

/// One value in all lanes.
#[inline(always)]
pub unsafe fn splat(p: *const f32) -> v128 {
    v128_load32_splat(p as *const u32)
}

/// A value that never changes in all lanes, by one load from a constant address. V8 makes a vector constant of code anew at
/// every use, by three instructions that compete with shuffles.
macro_rules! constant {
    (f32 $value:expr) => {
        constant!(f32x4($value, $value, $value, $value))
    };
    (i32 $value:expr) => {
        constant!(i32x4($value, $value, $value, $value))
    };
    ($vector:expr) => {{
        static CONSTANT: v128 = $vector;
        // volatile, or compilers would put the constant in the place of the load; SAFETY: a static can be read
        unsafe { core::ptr::addr_of!(CONSTANT).read_volatile() }
    }};
}
pub(crate) use constant;

/// Four f16 -> four f32. Finite values only: an infinity becomes 65536, which weights and caches never hold.
#[inline(always)]
pub unsafe fn load_f16(p: *const u16) -> v128 {
    load_f16_times(p, constant!(f32 f32::from_bits(0x7780_0000)))
}

/// Four scales as [`crate::pack`] stores them, times 2^8.
#[inline(always)]
pub unsafe fn load_scales(p: *const u16) -> v128 {
    load_f16_times(p, constant!(f32 f32::from_bits(0x7380_0000)))
}

/// Four f16 times `factor` / 2^112.
#[inline(always)]
unsafe fn load_f16_times(p: *const u16, factor: v128) -> v128 {
    // sign-extended and shifted, the sign lands in bit 31 and exponent and mantissa in place, 112 too low in exponent
    let bits = v128_and(
        i32x4_shl(i32x4_load_extend_i16x4(p as *const i16), 13),
        constant!(i32 0x8fff_e000u32 as i32),
    );
    f32x4_mul(bits, factor)
}

/// Of the four values, in a fixed order.
#[inline(always)]
pub fn horizontal_sum(v: v128) -> f32 {
    (f32x4_extract_lane::<0>(v) + f32x4_extract_lane::<2>(v))
        + (f32x4_extract_lane::<1>(v) + f32x4_extract_lane::<3>(v))
}

/// The larger, lane by lane; where one is NaN, either: with relaxed SIMD the compiler takes the engine's own maximum. One
/// instruction, which IEEE's maximum is not.
#[inline(always)]
pub fn max(a: v128, b: v128) -> v128 {
    f32x4_pmax(a, b)
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

/// Sums of one block of 32, for four things (lanes) that are fed 4 bytes each at a time, against one word of 4 bytes that all
/// share. Bytes of activations are signed; those of weights are what the implementation says.
pub trait Dot: Copy {
    /// Four bytes of each of four things.
    type Lanes: Copy;
    /// One word in all lanes.
    type Word: Copy;
    /// 16 bytes of 8-bit integers, as the products take them.
    fn lanes(bytes: v128) -> Self::Lanes;
    /// 4 bytes that all lanes have, as the products take them.
    fn word(splat: v128) -> Self::Word;
    /// Sums that begin at `start`, which [`Dot::sum`] must be given again.
    fn new(start: v128) -> Self;
    /// Lane n += sum over i of `x[i] * w[4n + i]`: lanes are columns.
    fn step_columns(self, x: Self::Word, w: Self::Lanes) -> Self;
    /// What was added up, for one vector of results.
    fn sum(self, start: v128) -> v128;
}

/// Sums that many rows go over a panel of unpacked weights for.
pub trait DotOfRows: Dot<Lanes = v128, Word = v128> {
    /// Vectors of activations (4 rows each) whose sums by a panel's columns fit the registers.
    const VECTORS: usize;
    /// Rows from which on it pays to unpack weights into a panel.
    const FEWEST_ROWS: usize;
    /// Lane n += sum over i of `x[4n + i] * w[i]`: lanes are rows.
    fn step_rows(self, x: v128, w: v128) -> Self;
}

/// Bytes as they are, by relaxed instructions. Weights in 0..=127, exact on every engine; or 8 bits where [`Bytes`] says that
/// they are.
///
/// `PAIRED`: weights in 0..=15, for where [`Bytes`] says that pairs are summed in 16 bits. There, three instructions follow
/// each product to make 32 bits of its pairs; here they follow a whole block of 32, whose pairs add up to less than
/// 8 * 2 * 128 * 15 = 30720. Exact on every engine as well.
#[cfg(target_feature = "relaxed-simd")]
#[derive(Clone, Copy)]
pub struct Relaxed<const PAIRED: bool>(v128);

#[cfg(target_feature = "relaxed-simd")]
impl<const PAIRED: bool> Dot for Relaxed<PAIRED> {
    type Lanes = v128;
    type Word = v128;
    #[inline(always)]
    fn lanes(bytes: v128) -> v128 {
        bytes
    }
    #[inline(always)]
    fn word(splat: v128) -> v128 {
        splat
    }
    #[inline(always)]
    fn new(start: v128) -> Self {
        Self(if PAIRED { i16x8_splat(0) } else { start })
    }
    #[inline(always)]
    fn step_columns(self, x: v128, w: v128) -> Self {
        self.step_rows(x, w)
    }
    #[inline(always)]
    fn sum(self, start: v128) -> v128 {
        if PAIRED {
            i32x4_add(start, i32x4_dot_i16x8(self.0, constant!(i32 0x0001_0001)))
        } else {
            self.0
        }
    }
}

#[cfg(target_feature = "relaxed-simd")]
impl<const PAIRED: bool> DotOfRows for Relaxed<PAIRED> {
    const VECTORS: usize = if PAIRED { 1 } else { 2 };
    const FEWEST_ROWS: usize = if PAIRED { 28 } else { 20 };
    #[inline(always)]
    fn step_rows(self, x: v128, w: v128) -> Self {
        Self(if PAIRED {
            i16x8_add(self.0, i16x8_relaxed_dot_i8x16_i7x16(x, w))
        } else {
            i32x4_relaxed_dot_i8x16_i7x16_add(x, w, self.0)
        })
    }
}

/// Signed weights of 8 bits; both sides widened to 16, whose products come in pairs: of each four bytes the first two of all
/// lanes make one vector, the last two another, so that both pairs of a lane meet in one sum. A panel would save the
/// widening of weights, which four rows share as it is, and cost a load for each product.
#[derive(Clone, Copy)]
pub struct Widened(v128);

impl Dot for Widened {
    type Lanes = [v128; 2];
    type Word = [v128; 2];
    #[inline(always)]
    fn lanes(bytes: v128) -> [v128; 2] {
        let (low, high) = (i16x8_extend_low_i8x16(bytes), i16x8_extend_high_i8x16(bytes));
        [
            i32x4_shuffle::<0, 2, 4, 6>(low, high),
            i32x4_shuffle::<1, 3, 5, 7>(low, high),
        ]
    }
    #[inline(always)]
    fn word(splat: v128) -> [v128; 2] {
        let both = i16x8_extend_low_i8x16(splat);
        [lane::<0>(both), lane::<1>(both)]
    }
    #[inline(always)]
    fn new(start: v128) -> Self {
        Self(start)
    }
    #[inline(always)]
    fn step_columns(self, x: [v128; 2], w: [v128; 2]) -> Self {
        let products = i32x4_add(i32x4_dot_i16x8(x[0], w[0]), i32x4_dot_i16x8(x[1], w[1]));
        Self(i32x4_add(self.0, products))
    }
    #[inline(always)]
    fn sum(self, _: v128) -> v128 {
        self.0
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
