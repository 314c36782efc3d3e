// Activation records of 8 bits. A row has for each block of 32 values, the last one filled up with zeros, 8 words of 4
// bytes each, then for each block a scale, f32; a whole number of 4 words in all.

fn record_blocks(width: u32) -> u32 {
  return (width + 31u) / 32u;
}

// words of a row
fn record_words(width: u32) -> u32 {
  return (record_blocks(width) * 9u + 3u) / 4u * 4u;
}
