// Rotary position embedding on adjacent pairs (Su et al., arXiv 2104.09864): (x[2i], x[2i + 1]) turns by an angle, of
// which `turns`, f32 [rows][head width / 2][2], has cosine and sine. `x`: rows of `stride` values, the first `heads` heads
// of which are turned in place; a lane a pair.
#import grid

struct Params { x: u32, turns: u32, rows: u32, heads: u32, headWidth: u32, stride: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<vec2f>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_group(group, groups) * 256u + lane;
  let half = p.headWidth / 2u;
  let row = i / (p.heads * half);
  if (row >= p.rows) { return; }
  let pair = i % (p.heads * half);
  let at = (p.x + row * p.stride) / 2u + pair;
  let x = work[at];
  let turn = work[p.turns / 2u + row * half + pair % half];
  work[at] = vec2f(x.x * turn.x - x.y * turn.y, x.x * turn.y + x.y * turn.x);
}
