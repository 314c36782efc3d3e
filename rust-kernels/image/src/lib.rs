//! Pictures for Loris: any common format in, an upright RGB picture of a wanted size out. Its own WASM module with its own
//! memory, so that a large photo never grows the model's.
//!
//! The compressed bytes stay where the caller has them and are read through a callback; rows are resized as they are
//! decoded. What a picture will need is worked out from its header and refused before anything is allocated.
#[cfg(all(target_arch = "wasm32", not(feature = "bindgen")))]
mod abi;
#[cfg(feature = "bindgen")]
mod bindgen;
mod decode;
mod error;
mod exif;
mod format;
mod formats;
mod input;
mod orient;
mod resize;

pub use decode::{decode, probe, Limits, Probe};
pub use error::{Error, ErrorKind};
pub use format::Format;
pub use input::ReadAt;
pub use resize::Resizer;
