// Attention of few rows: a workgroup for a part of the slots of a row's head. FOURS lanes read a slot, four elements each.
#import lanes
#import attention

// Slots that all lanes read at once, and how often they do before sums are added up. Beyond the end they read the last
// slot once more, so that no load waits for a condition.
const SLOTS = 256u / FOURS;
const TIMES = 8u;

// Of slots that are read together, each lane's part of the score; then of each lane's slots the weighted values.
var<workgroup> sums: array<f32, SLOTS * TIMES * (FOURS + 1u)>;
// Of the part's slots, first the scores.
var<workgroup> weights: array<f32, PART>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let part = group.x;
  let vector = group.y;
  let head = vector % p.heads / (p.heads / p.kvHeads);
  let first = part * PART;
  let end = visible(vector / p.heads);
  if (end <= first) { return; }
  let count = min(end - first, PART);
  let kept = (p.probabilities + vector * p.stride + first) / 4u;
  var largest = 0.0;
  var weight = 0.0;
  if (p.reuse != 0u) {
    if (lane < count) { weight = work[kept + lane / 4u][lane % 4u]; }
  } else {
    find_sources(first, lane, 256u);
    make_scores(vector, head, first, count, lane);
    if (p.keep != 0u && lane * 4u < count) {
      let i = lane * 4u;
      work[kept + lane] = vec4f(weights[i], weights[i + 1u], weights[i + 2u], weights[i + 3u]);
    }
    let score = select(LOWEST, weights[lane], lane < count);
    largest = largest_over_lanes(score, lane);
    weight = select(0.0, exp(score - largest), lane < count);
  }
  weights[lane] = weight;
  let sum = sum_over_lanes(weight, lane);
  let four = lane % FOURS;
  if (lane < SLOTS * FOURS) {
    var weighted = vec4f();
    for (var start = lane / FOURS; start < count; start += SLOTS * TIMES) {
      for (var i = 0u; i < TIMES; i++) {
        let slot = start + i * SLOTS;
        let inside = min(slot, count - 1u);
        weighted += select(0.0, weights[inside], slot < count) * value(head, first + inside, four);
      }
    }
    for (var i = 0u; i < 4u; i++) { sums[lane * 4u + i] = weighted[i]; }
  }
  workgroupBarrier();
  if (lane < FOURS) {
    var weighted = vec4f();
    for (var i = lane * 4u; i < SLOTS * HEAD_WIDTH; i += HEAD_WIDTH) {
      weighted += vec4f(sums[i], sums[i + 1u], sums[i + 2u], sums[i + 3u]);
    }
    finish(vector, part, lane, weighted, largest, sum);
  }
}

// Leaves the scores of the part's slots in `weights`.
fn make_scores(vector: u32, head: u32, first: u32, count: u32, lane: u32) {
  let slot = lane / FOURS;
  let four = lane % FOURS;
  let query = work[p.q / 4u + vector * FOURS + four] / sqrt(f32(HEAD_WIDTH));
  for (var start = 0u; start < count; start += SLOTS * TIMES) {
    if (slot < SLOTS) {
      for (var i = 0u; i < TIMES; i++) {
        let of_key = key(head, first, min(start + i * SLOTS + slot, count - 1u), four);
        sums[(i * SLOTS + slot) * (FOURS + 1u) + four] = dot(query, of_key);
      }
    }
    workgroupBarrier();
    if (lane < SLOTS * TIMES && start + lane < PART) {
      var score = 0.0;
      for (var i = 0u; i < FOURS; i++) { score += sums[lane * (FOURS + 1u) + i]; }
      weights[start + lane] = score;
    }
    workgroupBarrier();
  }
}
