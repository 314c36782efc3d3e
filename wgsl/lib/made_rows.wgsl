// What makes rows value by value: `made(row, step)` gives 4 values, zeros beyond the width; a lane makes them.
#import grid
#import work_rows

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let steps = record_blocks(p.width) * 8u;
  let at = linear_group(group, groups) * 256u + lane;
  // past the last row are values to make, and no place to put them
  let row = min(at / steps, p.rows - 1u);
  let step = select(at % steps, steps, at / steps >= p.rows);
  put(row, step, made(row, step), lane);
}
