// 4 values of a row of `work`, an array<u32>; zeros beyond the width.
fn four(row: u32, width: u32, step: u32) -> vec4f {
  let k = vec4u(step * 4u) + vec4u(0u, 1u, 2u, 3u);
  let at = vec4u(row) + min(k, vec4u(width - 1u));
  return bitcast<vec4f>(select(vec4u(), vec4u(work[at.x], work[at.y], work[at.z], work[at.w]), k < vec4u(width)));
}
