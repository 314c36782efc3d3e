// What records of 8 bits lose of a row: dst = x - (x as its record has it).
#import grid
#import work_rows

struct Params { dst: u32, x: u32, width: u32 }

@group(0) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let step = linear_group(group, groups) * 256u + lane;
  let values = four(p.x, step);
  let made = rounded(values, lane);
  put_floats(p.dst, step, values - vec4f(made.integers) * made.scale);
}
