// Rotary position embedding of queries, in place, and of keys, which go with values into a layer's stores, from `slot` on:
// rope, store_keys and store_values in one. 32 lanes a vector, 8 vectors a workgroup; a row has `heads` queries, then
// kvHeads keys and as many values. The stores are in one buffer.
#import grid
#import kv_put

struct Params {
  q: u32, k: u32, v: u32, turns: u32, keys: u32, values: u32,
  slot: u32, rows: u32, heads: u32, kvHeads: u32, capacity: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> stores: array<u32>;

fn put(at: u32, word: u32) {
  stores[at] = word;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let vectors = p.heads + 2u * p.kvHeads;
  let vector = linear_group(group, groups) * 8u + lane / 32u;
  let four = lane % 32u;
  let row = vector / vectors;
  let number = vector % vectors;
  let inside = row < p.rows && four < FOURS;
  let query = number < p.heads;
  let head = select((number - p.heads) % p.kvHeads, number, query);
  let value = number >= p.heads + p.kvHeads;
  let start = select(select(p.k, p.v, value), p.q, query);
  let at = start / 4u + (row * select(p.kvHeads, p.heads, query) + head) * FOURS + four;
  var x = vec4f();
  if (inside) {
    x = work[at];
    if (!value) {
      // cosine and sine of two pairs
      let t = work[p.turns / 4u + row * FOURS + four];
      x = vec4f(x.x * t.x - x.y * t.y, x.x * t.y + x.y * t.x, x.z * t.z - x.w * t.w, x.z * t.w + x.w * t.z);
    }
    if (query) { work[at] = x; }
  }
  let to = select(p.keys, p.values, value) + (head * p.capacity + p.slot + row) * VECTOR_WORDS;
  put_elements(to, bitcast<vec4u>(x), inside && !query, lane);
}
