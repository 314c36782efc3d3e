//! The operations of Loris' networks, for one thread and a caller who owns the memory.
//!
//! Every operation is a file with a `plain` twin, written as the formula reads and computing in f32 from unquantized
//! activations, and (feature `simd`) a `simd` twin for `simd128`. The target feature `relaxed-simd` changes only how
//! integer dot products are made, so both SIMD builds give the same bits.
//!
//! Exports take addresses and sizes. An address must be aligned to 16 bytes and hold what the export's page says;
//! nothing is allocated, nothing is kept between calls. Matrices are row-major; `rows` counts tokens or patches.
#![cfg_attr(target_arch = "wasm32", no_std)]

pub mod activation;
pub mod add;
pub mod argmax;
pub mod attention;
pub mod attention_received;
#[cfg(feature = "simd")]
mod attention_scores;
#[cfg(feature = "simd")]
pub mod block;
pub mod dequantize;
pub mod embed;
#[cfg(feature = "simd")]
pub mod exp;
#[cfg(feature = "simd")]
mod few;
pub mod gelu;
pub mod half;
pub mod histogram;
#[cfg(feature = "simd")]
pub mod kv_format;
pub mod kv_store;
pub mod largest_first;
pub mod layer_norm;
pub mod linear_float;
pub mod linear_q4;
pub mod linear_q8;
pub mod math;
pub mod pack;
#[cfg(feature = "simd")]
mod panel;
pub mod patches;
pub mod pixel_shuffle;
#[cfg(feature = "simd")]
pub mod product;
pub mod rms_norm;
pub mod rope;
#[cfg(feature = "simd")]
pub mod row;
pub mod sample;
#[cfg(feature = "simd")]
pub mod simd;
#[cfg(feature = "simd")]
mod stage;
pub mod swiglu;
pub mod text_keys;
#[cfg(feature = "simd")]
pub mod transpose;

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
