// rms_norm_linear and turn_and_store in one, for stores of f32 or f16 in one buffer: queries, keys and values of a few rows,
// after their norm. A workgroup does 8 columns of one of the three, all of one head.

// columns: of keys, and of values; q: where queries go; the others go into the stores alone, from `slot` on
struct Params {
  x: u32, weight: u32, rows: u32, width: u32, eps: f32,
  packed_q: u32, packed_k: u32, packed_v: u32, columns_q: u32, columns: u32,
  q: u32, turns: u32, keys: u32, values: u32, slot: u32, headWidth: u32, capacity: u32,
}

#import normed

@group(0) @binding(4) var<storage, read_write> stores: array<u32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
#if SUBGROUPS
  @builtin(subgroup_size) near: u32,
#endif
) {
  let query = group.x < p.columns_q / 8u;
  let other = group.x - p.columns_q / 8u;
  let value = !query && other >= p.columns / 8u;
  let number = select(select(other, other - p.columns / 8u, value), group.x, query);
  let packed_at = select(select(p.packed_k, p.packed_v, value), p.packed_q, query);
  let first = group.y * ROWS;
  let row = lane >> 1u;
  let half = lane & 1u;
  let column = number * 8u + half * 4u;
  let inside = column % p.headWidth;
  // cosine and sine of two pairs
  let t = bitcast<vec4f>(work[(p.turns + min(first + row, p.rows - 1u) * p.headWidth + inside) >> 2u]);
  sum_up(packed_at / ELEMENT + number * group_size(), first, 0u, lane, near);
  if (row >= ROWS || first + row >= p.rows) { return; }
  var x = normed(0u, row, half);
  if (!value) {
    x = vec4f(x.x * t.x - x.y * t.y, x.x * t.y + x.y * t.x, x.z * t.z - x.w * t.w, x.z * t.w + x.w * t.z);
  }
  if (query) {
    put(p.q + (first + row) * p.columns_q, column, p.columns_q, x);
    return;
  }
  let vector = column / p.headWidth * p.capacity + p.slot + first + row;
  let element = vector * p.headWidth + inside;
  let store = select(p.keys, p.values, value);
#if HALF_STORES
  stores[store + element / 2u] = pack2x16float(x.xy);
  stores[store + element / 2u + 1u] = pack2x16float(x.zw);
#else
  for (var i = 0u; i < 4u; i++) { stores[store + element + i] = bitcast<u32>(x[i]); }
#endif
}
