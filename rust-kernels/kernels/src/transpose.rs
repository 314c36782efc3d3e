//! Four vectors of four, turned: rows that were made apart become columns that lie side by side.
use core::arch::wasm32::*;

/// Lane r of result c is lane c of argument r.
#[inline(always)]
pub fn transpose([a, b, c, d]: [v128; 4]) -> [v128; 4] {
    let (ab0, ab1) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
    let (cd0, cd1) = (i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
    [
        i32x4_shuffle::<0, 1, 4, 5>(ab0, cd0),
        i32x4_shuffle::<2, 3, 6, 7>(ab0, cd0),
        i32x4_shuffle::<0, 1, 4, 5>(ab1, cd1),
        i32x4_shuffle::<2, 3, 6, 7>(ab1, cd1),
    ]
}
