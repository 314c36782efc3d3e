//! Rotary position embedding on adjacent pairs (Su et al., arXiv 2104.09864), as GGUF's converters lay out W_q and W_k:
//! `(x[2i], x[2i+1])` turns by the angle position * base^(-2i / head width).

/// `x`: f32 rows of `stride` values of which the first `heads * head_width` are turned in place; `turns`: f32
/// `[rows][head_width / 2][2]`, cosine and sine. One source for all builds: two products and a sum a value.
#[no_mangle]
pub unsafe extern "C" fn rope(
    x: *mut f32,
    turns: *const f32,
    rows: usize,
    heads: usize,
    head_width: usize,
    stride: usize,
) {
    for r in 0..rows {
        let turn = turns.add(r * head_width);
        for h in 0..heads {
            let head = x.add(r * stride + h * head_width);
            for i in (0..head_width).step_by(2) {
                let (a, b) = (*head.add(i), *head.add(i + 1));
                let (cos, sin) = (*turn.add(i), *turn.add(i + 1));
                *head.add(i) = a * cos - b * sin;
                *head.add(i + 1) = a * sin + b * cos;
            }
        }
    }
}
