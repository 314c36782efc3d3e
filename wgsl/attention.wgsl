// Attention of many rows: online softmax over tiles (Dao et al. 2022, arXiv 2205.14135). A workgroup does a part of the
// slots for some of the vectors that read one key head, which are heads / kvHeads of each row. A lane has four vectors and
// a slot where scores are made, four vectors and four elements where values are added up.
#import attention

const LANES = 128u;
// Vectors of a tile: 32, of heads above 64 wide 16, above 96 wide 8; and slots, a divisor of PART.
const VECTORS = 32u >> (HEAD_WIDTH / 65u + HEAD_WIDTH / 97u);
const SLOTS = 16u;
// Quads of vectors.
const QUADS = VECTORS / 4u;
// One more than slots, against bank conflicts.
const KEY_STRIDE = SLOTS + 1u;

// [FOURS][VECTORS]
var<workgroup> queries: array<vec4f, FOURS * VECTORS>;
// Keys, [FOURS][KEY_STRIDE], then values, [SLOTS][FOURS].
var<workgroup> tile: array<vec4f, FOURS * KEY_STRIDE>;
// Scores, then weights, of four vectors each: [QUADS][SLOTS].
var<workgroup> weights: array<vec4f, QUADS * SLOTS>;
// The largest scores so far (0 if weights are reused), and what sums against those before are multiplied by.
var<workgroup> largest_yet: array<vec4f, QUADS>;
var<workgroup> rescale: array<vec4f, QUADS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.y;
  let part = group.z;
  let first = part * PART;
  let first_vector = group.x * VECTORS;
  // the last row sees the most
  let last_vector = min(first_vector + VECTORS, p.rows * per_row()) - 1u;
  let end = min(first + PART, visible(last_vector / per_row()));
  if (end <= first) { return; }

  let slot = lane % SLOTS;
  let quad = lane / SLOTS;
  let rows = (vec4u(0u, 1u, 2u, 3u) + first_vector + quad * 4u) / per_row();
  let ends = vec4u(visible(rows.x), visible(rows.y), visible(rows.z), visible(rows.w));
  var largest = vec4f(LOWEST);
  let four = lane % FOURS;
  let value_quad = lane / FOURS;
  // of four vectors; by constants alone is it indexed, so that it can stay in registers
  var sums = mat4x4f();
  var sum = vec4f();

  if (p.reuse == 0u) {
    load_queries(head, first_vector, lane);
    find_sources(first, lane, LANES);
  }
  for (var start = first; start < end; start += SLOTS) {
    if (p.reuse == 0u) {
      load_keys(head, first, start, end, lane);
      workgroupBarrier();
      var scores = vec4f();
      if (quad < QUADS) {
        scores = select(vec4f(LOWEST), scores_of(quad, slot), vec4u(start + slot) < ends);
        weights[lane] = scores;
      }
      workgroupBarrier();
      load_values(head, start, end, lane);
      if (p.keep != 0u) { keep_scores(head, first_vector, start, lane); }
      if (quad < QUADS) {
        let before = largest;
        for (var i = 0u; i < SLOTS; i++) { largest = max(largest, weights[quad * SLOTS + i]); }
        scores = select(vec4f(), exp(scores - largest), vec4u(start + slot) < ends);
        if (slot == 0u) {
          largest_yet[quad] = largest;
          rescale[quad] = exp(before - largest);
        }
      }
      workgroupBarrier();
      if (quad < QUADS) { weights[lane] = scores; }
    } else {
      load_values(head, start, end, lane);
      load_weights(head, first_vector, start, lane);
    }
    workgroupBarrier();
    if (value_quad < QUADS) {
      if (p.reuse == 0u) {
        let by = rescale[value_quad];
        sums = mat4x4f(sums[0] * by.x, sums[1] * by.y, sums[2] * by.z, sums[3] * by.w);
        sum *= by;
      }
      for (var i = 0u; i < SLOTS; i++) {
        let weight = weights[value_quad * SLOTS + i];
        let value = tile[i * FOURS + four];
        sums[0] += weight.x * value;
        sums[1] += weight.y * value;
        sums[2] += weight.z * value;
        sums[3] += weight.w * value;
        sum += weight;
      }
    }
    workgroupBarrier();
  }
  if (value_quad >= QUADS) { return; }
  let place = Place(head, part, first_vector + value_quad * 4u, four);
  let most = largest_yet[value_quad];
  finish_one(place, 0u, sums[0], most.x, sum.x);
  finish_one(place, 1u, sums[1], most.y, sum.y);
  finish_one(place, 2u, sums[2], most.z, sum.z);
  finish_one(place, 3u, sums[3], most.w, sum.w);
}

struct Place { head: u32, part: u32, vector: u32, four: u32 }

fn finish_one(place: Place, i: u32, weighted: vec4f, largest: f32, sum: f32) {
  let vector = place.vector + i;
  if (vector >= p.rows * per_row()) { return; }
  finish(place_of(vector, place.head), place.part, place.four, weighted, largest, sum);
}

fn per_row() -> u32 { return p.heads / p.kvHeads; }

// Row * heads + head of a vector that reads a key head.
fn place_of(vector: u32, head: u32) -> u32 {
  return vector / per_row() * p.heads + head * per_row() + vector % per_row();
}

fn load_queries(head: u32, first_vector: u32, lane: u32) {
  for (var i = lane; i < VECTORS * FOURS; i += LANES) {
    let vector = first_vector + i / FOURS;
    var query = vec4f();
    if (vector < p.rows * per_row()) { query = work[p.q / 4u + place_of(vector, head) * FOURS + i % FOURS]; }
    queries[i % FOURS * VECTORS + i / FOURS] = query / sqrt(f32(HEAD_WIDTH));
  }
}

// Slots from `end` on may hold anything.
fn load_keys(head: u32, first: u32, start: u32, end: u32, lane: u32) {
  for (var i = lane; i < SLOTS * FOURS; i += LANES) {
    let slot = start + i / FOURS;
    var elements = vec4f();
    if (slot < end) { elements = key(head, first, slot - first, i % FOURS); }
    tile[i % FOURS * KEY_STRIDE + i / FOURS] = elements;
  }
}

fn load_values(head: u32, start: u32, end: u32, lane: u32) {
  for (var i = lane; i < SLOTS * FOURS; i += LANES) {
    let slot = start + i / FOURS;
    var elements = vec4f();
    if (slot < end) { elements = value(head, slot, i % FOURS); }
    tile[i] = elements;
  }
}

fn scores_of(quad: u32, slot: u32) -> vec4f {
  var scores = vec4f();
  for (var four = 0u; four < FOURS; four++) {
    let key = tile[four * KEY_STRIDE + slot];
    let at = four * VECTORS + quad * 4u;
    scores += vec4f(
      dot(queries[at], key),
      dot(queries[at + 1u], key),
      dot(queries[at + 2u], key),
      dot(queries[at + 3u], key),
    );
  }
  return scores;
}

// Four slots' scores of each of four vectors go to where the vectors' weights are kept.
fn keep_scores(head: u32, first_vector: u32, start: u32, lane: u32) {
  let quad = lane / 4u;
  let slot = lane % 4u * 4u;
  if (quad >= QUADS || start + slot >= p.stride) { return; }
  let at = quad * SLOTS + slot;
  let scores = transpose(mat4x4f(weights[at], weights[at + 1u], weights[at + 2u], weights[at + 3u]));
  for (var i = 0u; i < 4u; i++) {
    let vector = first_vector + quad * 4u + i;
    if (vector < p.rows * per_row()) { work[kept_at(vector, head, start + slot)] = scores[i]; }
  }
}

fn load_weights(head: u32, first_vector: u32, start: u32, lane: u32) {
  let quad = lane / 4u;
  let slot = lane % 4u * 4u;
  if (quad >= QUADS) { return; }
  var kept = mat4x4f();
  for (var i = 0u; i < 4u; i++) {
    let vector = first_vector + quad * 4u + i;
    if (vector < p.rows * per_row() && start + slot < p.stride) { kept[i] = work[kept_at(vector, head, start + slot)]; }
  }
  let of_slots = transpose(kept);
  for (var i = 0u; i < 4u; i++) { weights[quad * SLOTS + slot + i] = of_slots[i]; }
}

fn kept_at(vector: u32, head: u32, slot: u32) -> u32 {
  return (p.probabilities + place_of(vector, head) * p.stride + slot) / 4u;
}
