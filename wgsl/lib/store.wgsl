// Rows of keys or values into a layer's store, from `slot` on; 32 lanes a vector, 8 vectors a workgroup.
// x: f32 rows of `stride` values, `heads` * HEAD_WIDTH used.
#import grid
#import kv_vector

struct Params { store: u32, x: u32, slot: u32, rows: u32, heads: u32, stride: u32, capacity: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<u32>;
// where the store is not in the work buffer
@group(0) @binding(2) var<storage, read_write> far: array<u32>;

var<workgroup> largest_of: array<u32, 256>;

fn put(at: u32, word: u32) {
#if FAR
  far[at] = word;
#else
  work[at] = word;
#endif
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let vector = linear_group(group, groups) * 8u + lane / 32u;
  let four = lane % 32u;
  let row = vector / p.heads;
  let head = vector % p.heads;
  let inside = row < p.rows && four < FOURS;
  var bits = vec4u();
  if (inside) {
    let x = p.x + row * p.stride + head * HEAD_WIDTH + four * 4u;
    bits = vec4u(work[x], work[x + 1u], work[x + 2u], work[x + 3u]);
  }
  let to = p.store + (head * p.capacity + p.slot + row) * VECTOR_WORDS;
#if Q8
  // compared as integers, in which order NaN is above all
  let sizes = bits & vec4u(0x7fffffffu);
  largest_of[lane] = max(max(sizes.x, sizes.y), max(sizes.z, sizes.w));
  workgroupBarrier();
  var most = 0u;
  for (var i = 0u; i < FOURS; i++) { most = max(most, largest_of[lane - four + i]); }
  if (!inside) { return; }
  let largest = bitcast<f32>(most);
  // a NaN or an infinity makes the scale NaN, so that it reaches the output instead of vanishing in the conversion
  if (four == 0u) { put(to, select(0x7fc00000u, bitcast<u32>(largest / 127.0), most < 0x7f800000u)); }
  // 1e-30: of smaller vectors all elements are 0, as the inverse would overflow
  let inverse = select(0.0, 127.0 / largest, most > 0x0da24260u && most < 0x7f800000u);
  let rounded = vec4u(vec4i(round(bitcast<vec4f>(bits) * inverse))) & vec4u(0xffu);
  put(to + 1u + four, rounded.x | (rounded.y << 8u) | (rounded.z << 16u) | (rounded.w << 24u));
#else
  if (!inside) { return; }
#if F16
  let x = bitcast<vec4f>(bits);
  put(to + four * 2u, pack2x16float(x.xy));
  put(to + four * 2u + 1u, pack2x16float(x.zw));
#else
  for (var i = 0u; i < 4u; i++) { put(to + four * 4u + i, bits[i]); }
#endif
#endif
}
