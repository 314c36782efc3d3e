//! Memory read by copies, where a few rows wait for it. A processor looks a few hundred instructions ahead, which is few
//! cache lines of a product, and WASM has no instruction to fetch more; but a copy keeps many lines on their way.
use core::arch::wasm32::{f32x4, v128};
use core::hint::black_box;
use core::ptr::addr_of_mut;

/// Bytes that [`stage`] takes at most, measured: they stay in the first-level cache.
pub const STAGE_BYTES: usize = 24 << 10;
static mut STAGE: [v128; STAGE_BYTES / 16] = [f32x4(0.0, 0.0, 0.0, 0.0); STAGE_BYTES / 16];

/// A copy of up to [`STAGE_BYTES`], good until the next call of this file.
pub unsafe fn stage(from: *const u8, bytes: usize) -> *const u8 {
    let to = addr_of_mut!(STAGE) as *mut u8;
    core::ptr::copy_nonoverlapping(from, to, bytes);
    to
}

/// Brings what will be read into the cache, by copies that nobody reads.
pub unsafe fn fetch(from: *const u8, bytes: usize) {
    for at in (0..bytes).step_by(STAGE_BYTES) {
        black_box(stage(from.add(at), STAGE_BYTES.min(bytes - at)));
    }
}
