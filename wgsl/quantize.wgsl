// Rows of f32 into records of 8 bits, which the matrix products read; a lane makes 4 values.
#import four
#import grid
#import put_record

struct Params { dst: u32, x: u32, rows: u32, width: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let steps = record_blocks(p.width) * 8u;
  let at = linear_group(group, groups) * 256u + lane;
  let row = min(at / steps, p.rows);
  // behind the last row there are zeros to make, and no place to put them
  let step = select(at % steps, steps, row == p.rows);
  let values = four(p.x + min(row, p.rows - 1u) * p.width, p.width, step);
  put_record(p.dst + row * record_words(p.width), p.width, step, values, lane);
}
