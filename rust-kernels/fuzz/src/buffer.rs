//! Memory of just the bytes that an operation may touch, so that the address sanitizer sees one too many.
use std::alloc::{alloc, dealloc, handle_alloc_error, Layout};

/// As every address that a kernel gets.
const ALIGNMENT: usize = 16;

pub struct Buffer {
    address: *mut u8,
    layout: Layout,
}

impl Buffer {
    /// Bytes that repeat `filler`.
    pub fn bytes(length: usize, filler: &[u8]) -> Self {
        let layout = Layout::from_size_align(length.max(1), ALIGNMENT).expect("a small size");
        // SAFETY: the layout has a size, and as many bytes are written.
        unsafe {
            let address = alloc(layout);
            if address.is_null() {
                handle_alloc_error(layout);
            }
            for i in 0..layout.size() {
                *address.add(i) = if filler.is_empty() { 0 } else { filler[i % filler.len()] };
            }
            Self { address, layout }
        }
    }

    pub fn floats(length: usize, filler: &[u8]) -> Self {
        Self::bytes(length * 4, filler)
    }

    pub fn of(values: &[f32]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::bytes(bytes.len(), &bytes)
    }

    /// As whatever an operation takes.
    pub fn at<T>(&self) -> *mut T {
        self.address as *mut T
    }

    /// Its values as f32.
    pub fn values(&self) -> Vec<f32> {
        // SAFETY: aligned, and as long as its layout says.
        unsafe { std::slice::from_raw_parts(self.address as *const f32, self.layout.size() / 4) }.to_vec()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it was made with this layout.
        unsafe { dealloc(self.address, self.layout) }
    }
}

/// Values of an ordinary size, of bytes.
pub fn ordinary(bytes: &[u8], length: usize) -> Vec<f32> {
    (0..length)
        .map(|i| {
            let byte = if bytes.is_empty() { 0 } else { bytes[i % bytes.len()] };
            (f32::from(byte) - 128.0) / 32.0 + (i % 7) as f32 / 16.0
        })
        .collect()
}
