//! Vector constants in loops.
use core::arch::wasm32::v128;
use core::hint::black_box;

/// A constant as a loop should have it: not known to the compiler. A known one becomes an instruction in the loop, and V8
/// makes it anew in every round out of four of its own, which cost [`crate::exp::Exp`] as much as its arithmetic.
#[inline(always)]
pub fn kept(constant: v128) -> v128 {
    black_box(constant)
}
