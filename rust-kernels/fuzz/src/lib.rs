//! What several targets need.
pub mod allocated;
pub mod buffer;
pub mod input;
