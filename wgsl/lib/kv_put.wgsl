// A vector's elements as a KV store has them: 32 lanes a vector, of which each has four elements, 8 vectors a workgroup.
// `put(at, word)` is the shader's own.
#import kv_vector

var<workgroup> largest_of: array<u32, 256>;

// `to`: the vector's first word; `inside`: whether the lane has elements, which are f32 in `bits`. All lanes together.
fn put_elements(to: u32, bits: vec4u, inside: bool, lane: u32) {
  let four = lane % 32u;
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
