//! The crate as a `wasm-pack` package, for other users than Loris. The SDK itself builds without this: the generated glue
//! holds one instance for ever, and a decoder that ran out of memory must be thrown away with its memory.
use crate::{decode, probe, Error, Limits, ReadAt};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// What the caller passes for the compressed bytes.
    pub type ByteReader;
    /// Copies bytes from `offset` into `into`; returns how many there were.
    #[wasm_bindgen(method)]
    fn read(this: &ByteReader, offset: f64, into: &mut [u8]) -> usize;
    #[wasm_bindgen(method, getter)]
    fn length(this: &ByteReader) -> f64;
}

impl ReadAt for ByteReader {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> usize {
        self.read(offset as f64, into)
    }
    fn length(&self) -> u64 {
        ByteReader::length(self) as u64
    }
}

/// An error as one string, `kind|message`: the caller makes it a typed one.
fn to_js(error: Error) -> JsValue {
    JsValue::from_str(&format!("{}|{}", error.kind.code(), error.message))
}

/// What a picture's header says: [format's number, width, height, orientation 1 to 8], before turning.
#[wasm_bindgen(js_name = probeImage)]
pub fn probe_js(reader: &ByteReader) -> Result<Box<[u32]>, JsValue> {
    let p = probe(reader).map_err(to_js)?;
    Ok(Box::new([p.format as u32, p.width, p.height, u32::from(p.orientation)]))
}

/// RGB bytes `[height][width][3]` of the whole picture, upright, on white, resized to the given size.
#[wasm_bindgen(js_name = decodeImage)]
pub fn decode_js(
    reader: &ByteReader,
    width: u32,
    height: u32,
    max_pixels: f64,
    max_bytes: usize,
) -> Result<Box<[u8]>, JsValue> {
    let limits = Limits {
        max_pixels: max_pixels as u64,
        max_bytes,
    };
    Ok(decode(reader, width, height, limits).map_err(to_js)?.into_boxed_slice())
}
