// Rows of keys or values into a layer's store, from `slot` on; 32 lanes a vector, 8 vectors a workgroup.
// x: f32 rows of `stride` values, `heads` * HEAD_WIDTH used.
#import grid
#import kv_put

struct Params { store: u32, x: u32, slot: u32, rows: u32, heads: u32, stride: u32, capacity: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<u32>;
// where the store is not in the work buffer
@group(0) @binding(2) var<storage, read_write> far: array<u32>;

fn put(at: u32, word: u32) {
#if FAR
  far[at] = word;
#else
  work[at] = word;
#endif
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let vector = linear_group(group, groups) * 8u + lane / 32u;
  let four = lane % 32u;
  let row = vector / p.heads;
  let head = vector % p.heads;
  let inside = row < p.rows && four < FOURS;
  var bits = vec4u();
  if (inside) {
    let x = p.x + row * p.stride + head * HEAD_WIDTH + four * 4u;
    bits = vec4u(work[x], work[x + 1u], work[x + 2u], work[x + 3u]);
  }
  put_elements(p.store + (head * p.capacity + p.slot + row) * VECTOR_WORDS, bits, inside, lane);
}
