// A few rows: a workgroup does 8 columns of one or of four rows. Lanes share the inputs out, so that neighbours read what
// lies side by side and each weight is read and unpacked once; in the end they add their sums up.
#if FOUR
const ROWS = 4u;
#else
const ROWS = 1u;
#endif
const LANES = 128u;

var<workgroup> parts: array<vec4f, LANES * ROWS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * ROWS;
  let start = p.packed / ELEMENT + group.x * group_size();
  let steps = (p.width + 3u) / 4u;
  var a = vec4f();
#if FOUR
  var b = vec4f();
  var c = vec4f();
  var d = vec4f();
#endif
  for (var step = lane >> 1u; step < steps; step += LANES / 2u) {
    let w = piece(start, step, lane & 1u);
    a += products(w, input(row, step));
#if FOUR
    b += products(w, input(row + 1u, step));
    c += products(w, input(row + 2u, step));
    d += products(w, input(row + 3u, step));
#endif
  }
  parts[lane] = a;
#if FOUR
  parts[LANES + lane] = b;
  parts[2u * LANES + lane] = c;
  parts[3u * LANES + lane] = d;
#endif
  workgroupBarrier();
  // even lanes have the lower half of the group, odd ones the upper
  for (var left = LANES / 4u; left >= 2u; left >>= 2u) {
    if (lane < left * ROWS) {
      let at = lane / left * LANES + lane % left;
      parts[at] = (parts[at] + parts[at + left]) + (parts[at + 2u * left] + parts[at + 3u * left]);
    }
    workgroupBarrier();
  }
  if (lane < 2u * ROWS) {
    finish(row + (lane >> 1u), group.x * 8u + (lane & 1u) * 4u, parts[(lane >> 1u) * LANES + (lane & 1u)]);
  }
}
