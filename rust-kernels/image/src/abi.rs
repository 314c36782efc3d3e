//! What the SDK calls: numbers in, a status out, and one result kept until the next call.
use crate::{decode, probe, Error, Limits, ReadAt};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};

/// The system's allocator, remembering that it once had no memory: all that the caller sees of that is a trap, which a
/// decoder that gives up on its bytes ends in too.
struct Remembering;

static RAN_OUT: AtomicBool = AtomicBool::new(false);

// SAFETY: every call is the system allocator's own.
unsafe impl GlobalAlloc for Remembering {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let address = System.alloc(layout);
        RAN_OUT.fetch_or(address.is_null(), Ordering::Relaxed);
        address
    }
    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        System.dealloc(address, layout);
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let address = System.alloc_zeroed(layout);
        RAN_OUT.fetch_or(address.is_null(), Ordering::Relaxed);
        address
    }
    unsafe fn realloc(&self, address: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let address = System.realloc(address, layout, bytes);
        RAN_OUT.fetch_or(address.is_null(), Ordering::Relaxed);
        address
    }
}

#[global_allocator]
static ALLOCATOR: Remembering = Remembering;

/// 1 if an allocation failed since the module was started; may be asked after a trap.
#[no_mangle]
pub extern "C" fn ran_out() -> u32 {
    u32::from(RAN_OUT.load(Ordering::Relaxed))
}

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
