// Up to three products of the same few rows, of matrices in one buffer and format, after their norm. A workgroup does 8
// columns of one of them.

// a, b, c: the matrices; packed: as in lib/linear.wgsl; stride: of dst's rows
struct Params {
  x: u32, weight: u32, rows: u32, width: u32, eps: f32,
  packed_a: u32, dst_a: u32, columns_a: u32, stride_a: u32,
  packed_b: u32, dst_b: u32, columns_b: u32, stride_b: u32,
  packed_c: u32, dst_c: u32, columns_c: u32, stride_c: u32,
}

#import normed

struct Target { packed: u32, dst: u32, columns: u32, stride: u32 }

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var number = group.x;
  var to = Target(p.packed_a, p.dst_a, p.columns_a, p.stride_a);
  let groups_a = (p.columns_a + 7u) / 8u;
  if (number >= groups_a) {
    number -= groups_a;
    to = Target(p.packed_b, p.dst_b, p.columns_b, p.stride_b);
    let groups_b = (p.columns_b + 7u) / 8u;
    if (number >= groups_b) {
      number -= groups_b;
      to = Target(p.packed_c, p.dst_c, p.columns_c, p.stride_c);
    }
  }
  let first = group.y * ROWS;
  sum_up(to.packed / ELEMENT + number * group_size(), first, 0u, lane);
  let row = lane >> 1u;
  let half = lane & 1u;
  if (row < ROWS && first + row < p.rows) {
    put(to.dst + (first + row) * to.stride, number * 8u + half * 4u, to.columns, normed(0u, row, half));
  }
}
