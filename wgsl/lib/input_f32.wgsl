// Rows that a product reads as they are.

alias Input = vec4f;

// x[row, 4 * step ...], zeros beyond the width; instead of a row beyond the last one, the last
fn input(row: u32, step: u32) -> vec4f {
  let start = p.x + min(row, p.rows - 1u) * p.width;
#if VECTORS
  return bitcast<vec4f>(work[(start >> 2u) + step]);
#else
  let k = vec4u(step * 4u) + vec4u(0u, 1u, 2u, 3u);
  let at = vec4u(start) + min(k, vec4u(p.width - 1u));
  let bits = vec4u(work[at.x], work[at.y], work[at.z], work[at.w]);
  return bitcast<vec4f>(select(vec4u(), bits, k < vec4u(p.width)));
#endif
}
