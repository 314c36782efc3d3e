//! dst += x, the residual and position additions. One source for all builds: there is nothing to reorder.

/// `dst`, `x`: f32 `[elements]`.
#[no_mangle]
pub unsafe extern "C" fn add(dst: *mut f32, x: *const f32, elements: usize) {
    for i in 0..elements {
        *dst.add(i) += *x.add(i);
    }
}
