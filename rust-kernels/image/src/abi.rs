//! What the SDK calls: numbers in, a status out, and one result kept until the next call.
use crate::{decode, probe, Error, Limits, ReadAt};
use std::cell::RefCell;

#[link(wasm_import_module = "env")]
extern "C" {
    /// Copies the picture's bytes from `offset` to an address of this module's memory; returns how many there were.
    fn read(offset: f64, into: *mut u8, length: usize) -> usize;
}

/// The caller's bytes, `length` of them.
struct Imported(u64);

impl ReadAt for Imported {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> usize {
        // SAFETY: the import writes at most `length` bytes at the address, both of which are the slice's own.
        unsafe { read(offset as f64, into.as_mut_ptr(), into.len()).min(into.len()) }
    }
    fn length(&self) -> u64 {
        self.0
    }
}

thread_local! {
    static RESULT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a result, or an error as `code|message`; returns 0, or 1 for an error.
fn keep(outcome: Result<Vec<u8>, Error>) -> u32 {
    let (status, bytes) = match outcome {
        Ok(bytes) => (0, bytes),
        Err(e) => (1, format!("{}|{}", e.kind.code(), e.message).into_bytes()),
    };
    RESULT.set(bytes);
    status
}

/// Result: four u32, see [`crate::Probe`]: format's number, width, height, orientation.
#[no_mangle]
pub extern "C" fn probe_image(length: f64) -> u32 {
    keep(probe(&Imported(length as u64)).map(|p| {
        [p.format as u32, p.width, p.height, u32::from(p.orientation)]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect()
    }))
}

/// Result: RGB `[height][width][3]`.
#[no_mangle]
pub extern "C" fn decode_image(length: f64, width: u32, height: u32, max_pixels: f64, max_bytes: usize) -> u32 {
    let limits = Limits {
        max_pixels: max_pixels as u64,
        max_bytes,
    };
    RESULT.take();
    keep(decode(&Imported(length as u64), width, height, limits))
}

#[no_mangle]
pub extern "C" fn result_address() -> *const u8 {
    RESULT.with_borrow(|r| r.as_ptr())
}

#[no_mangle]
pub extern "C" fn result_bytes() -> usize {
    RESULT.with_borrow(Vec::len)
}

/// Gives the result's memory back.
#[no_mangle]
pub extern "C" fn release() {
    RESULT.take();
}
