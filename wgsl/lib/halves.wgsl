// 4 of 8 packed f16 numbers: the lower or the upper ones.
fn halves(words: vec4u, upper: u32) -> vec4f {
  let pairs = select(words.xy, words.zw, upper == 1u);
  return vec4f(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
}
