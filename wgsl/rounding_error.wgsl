// What quantize loses of a row: dst = x - (x as its record has it).
#import four
#import grid
#import rounded

struct Params { dst: u32, x: u32, width: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let step = linear_group(group, groups) * 256u + lane;
  let values = four(p.x, p.width, step);
  let made = rounded(values, lane);
  let left = values - vec4f(made.integers) * made.scale;
  for (var i = step * 4u; i < min(step * 4u + 4u, p.width); i++) { work[p.dst + i] = bitcast<u32>(left[i % 4u]); }
}
