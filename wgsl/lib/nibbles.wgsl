// The low halves of the bytes of words, or with a shift of 4 the high ones.
fn nibbles(words: vec4u, shift: u32) -> vec4u {
  return (words >> vec4u(shift)) & vec4u(0x0f0f0f0fu);
}

// The same as numbers, less an offset: first those of the lowest bytes.
fn nibble_values(words: vec4u, shift: u32, offset: f32) -> mat4x4f {
  return mat4x4f(
    nibble(words >> vec4u(shift), offset),
    nibble(words >> vec4u(shift + 8u), offset),
    nibble(words >> vec4u(shift + 16u), offset),
    nibble(words >> vec4u(shift + 24u), offset),
  );
}

// The lowest 4 bits: added to the bits of 2^23, of which the same is taken again. That is cheaper than a conversion.
fn nibble(words: vec4u, offset: f32) -> vec4f {
  return bitcast<vec4f>((words & vec4u(15u)) | vec4u(0x4b000000u)) - (8388608.0 + offset);
}
