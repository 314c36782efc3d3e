//! Rows of the token embedding table, read from a packed matrix (the same one that the tied output layer multiplies by).
use crate::activation::{blocks, BLOCK};
use crate::pack::{Format, PackedRow};

/// `dst`: f32 `[count][width]`; `table`: a packed matrix of `format`; `ids`: u32 `[count]`, each under its row count.
#[no_mangle]
pub unsafe extern "C" fn embed(
    dst: *mut f32,
    table: *const u8,
    ids: *const u32,
    count: usize,
    width: usize,
    format: Format,
) {
    for r in 0..count {
        let row = PackedRow::new(table, *ids.add(r) as usize, width, format);
        let mut values = [0.0; BLOCK];
        for b in 0..blocks(width) {
            row.block(b, &mut values);
            let n = BLOCK.min(width - b * BLOCK);
            core::ptr::copy_nonoverlapping(values.as_ptr(), dst.add(r * width + b * BLOCK), n);
        }
    }
}
