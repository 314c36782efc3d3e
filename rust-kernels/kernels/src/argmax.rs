//! The greedy choice, and the check that the network's output is made of numbers.

/// Index of the largest of `x`: f32 `[elements]`, the first among equals; `u32::MAX` if any value is NaN or infinite.
#[no_mangle]
pub unsafe extern "C" fn argmax(x: *const f32, elements: usize) -> u32 {
    let (mut best, mut finite) = (0, true);
    for i in 0..elements {
        let v = *x.add(i);
        finite &= v.abs() < f32::INFINITY;
        if v > *x.add(best) {
            best = i;
        }
    }
    if finite {
        best as u32
    } else {
        u32::MAX
    }
}
