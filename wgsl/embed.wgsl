// Rows of the token embedding table, a packed matrix; a workgroup a row.
#import grid

// packed: the group of 8 tokens that `first` is in, in words; ids, in words: which of them, if from first to under end
struct Params { dst: u32, packed: u32, ids: u32, count: u32, width: u32, first: u32, end: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<u32>;

#import packed_any

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = linear_group(group, groups);
  if (r >= p.count) { return; }
  let id = work[p.ids + r];
  if (id < p.first || id >= p.end) { return; }
  let place = id - p.first;
  let start = p.packed / ELEMENT + place / 8u * group_size();
  for (var step = lane; step * 4u < p.width; step += 64u) {
    let tokens = weights(piece(start, step, place / 4u % 2u));
    let row = transpose(tokens)[place % 4u] * UNIT;
    for (var i = 0u; i < min(4u, p.width - step * 4u); i++) {
      work[p.dst + r * p.width + step * 4u + i] = bitcast<u32>(row[i]);
    }
  }
}
