// Records of rows that are made on the way.
#import record
#import rounded

// Puts values 4 * step ... of a row into its record, which starts at the word `record` of `work`, an array<u32>. All lanes
// together, zeros beyond the width; 8 neighbours have a block, and those past the last one put nothing.
fn put_record(record: u32, width: u32, step: u32, values: vec4f, lane: u32) {
  let blocks = record_blocks(width);
  let made = rounded(values, lane);
  if (step >= blocks * 8u) { return; }
  let bytes = bitcast<vec4u>(made.integers) & vec4u(255u);
  work[record + step] = bytes.x | bytes.y << 8u | bytes.z << 16u | bytes.w << 24u;
  if (step % 8u == 0u) { work[record + blocks * 8u + step / 8u] = bitcast<u32>(made.scale); }
}
