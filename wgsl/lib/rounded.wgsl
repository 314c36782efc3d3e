// Values in 8 bits: symmetric, scale = largest magnitude of a block / 127, halves to even.

// 4 values as integers, and what these are multiplied by
struct Rounded { integers: vec4i, scale: f32 }

var<workgroup> magnitudes: array<u32, 256>;

// All lanes together; 8 neighbours have a block's values. A NaN or infinity makes the scale NaN, so that it reaches the
// product instead of vanishing in the integers.
fn rounded(values: vec4f, lane: u32) -> Rounded {
  // as integers, in which order NaN is above all
  let bits = bitcast<vec4u>(values) & vec4u(0x7fffffffu);
  magnitudes[lane] = max(max(bits.x, bits.y), max(bits.z, bits.w));
  workgroupBarrier();
  var most = 0u;
  for (var i = lane & 0xf8u; i <= (lane | 7u); i++) { most = max(most, magnitudes[i]); }
  workgroupBarrier();
  let largest = bitcast<f32>(most);
  let scale = select(bitcast<u32>(largest / 127.0), most | 0x7fc00000u, most >= 0x7f800000u);
  let inverse = select(0.0, 127.0 / largest, largest > 1e-30);
  return Rounded(vec4i(round(values * inverse)), bitcast<f32>(scale));
}
