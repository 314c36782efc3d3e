// dst = silu(gate) * up (Shazeer, arXiv 2002.05202), silu(gate) = gate * sigmoid(gate); dst may be gate. A lane an element.
#import grid
#import sigmoid

struct Params { dst: u32, gate: u32, up: u32, elements: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = linear_group(group, groups) * 256u + lane;
  if (i >= p.elements) { return; }
  let gate = work[p.gate + i];
  work[p.dst + i] = gate * sigmoid(gate) * work[p.up + i];
}
