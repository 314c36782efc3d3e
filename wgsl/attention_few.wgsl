// Attention of few rows: a workgroup for a part of the slots of a row's head. PAIRS lanes read a slot's key, eight elements
// each, then FOURS lanes a slot's value, four elements each.
#import lanes
#import attention

// Slots that all lanes read at once, and how often they do before sums are added up. Beyond the end they read the last
// slot once more, so that no load waits for a condition.
const PAIRS = FOURS / 2u;
const KEY_SLOTS = 256u / PAIRS;
const SLOTS = 256u / FOURS;
const TIMES = 8u;
// a whole part at most
const KEY_TIMES = min(TIMES, PAIRS);
// in `sums`, after what lanes make of values
const TOTALS = 1024u;

// Of slots that are read together, each lane's part of the score; then of each lane's slots the weighted values, and the
// sums of weights.
var<workgroup> sums: array<f32, max(KEY_SLOTS * KEY_TIMES * (PAIRS + 1u), TOTALS + SLOTS)>;
// Of the part's slots, first the scores.
var<workgroup> weights: array<f32, PART>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
#if SUBGROUPS
  @builtin(subgroup_size) near: u32,
#endif
) {
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
    largest = largest_over_lanes(score, lane, near);
    weight = select(0.0, exp(score - largest), lane < count);
  }
  weights[lane] = weight;
  workgroupBarrier();
  let four = lane % FOURS;
  if (lane < SLOTS * FOURS) {
    var weighted = vec4f();
    var total = 0.0;
    for (var start = lane / FOURS; start < count; start += SLOTS * TIMES) {
      for (var i = 0u; i < TIMES; i++) {
        let slot = start + i * SLOTS;
        let inside = min(slot, count - 1u);
        let weight = select(0.0, weights[inside], slot < count);
        weighted += weight * value(head, first + inside, four);
        total += weight;
      }
    }
    for (var i = 0u; i < 4u; i++) { sums[lane * 4u + i] = weighted[i]; }
    if (four == 0u) { sums[TOTALS + lane / FOURS] = total; }
  }
  workgroupBarrier();
  if (lane < FOURS) {
    var weighted = vec4f();
    var sum = 0.0;
    for (var i = 0u; i < SLOTS; i++) {
      let at = i * HEAD_WIDTH + lane * 4u;
      weighted += vec4f(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]);
      sum += sums[TOTALS + i];
    }
    finish(vector, part, lane, weighted, largest, sum);
  }
}

// Leaves the scores of the part's slots in `weights`.
fn make_scores(vector: u32, head: u32, first: u32, count: u32, lane: u32) {
  let slot = lane / PAIRS;
  let pair = lane % PAIRS;
  let query = p.q / 4u + vector * FOURS + pair * 2u;
  let a = work[query] / sqrt(f32(HEAD_WIDTH));
  let b = work[query + 1u] / sqrt(f32(HEAD_WIDTH));
  for (var start = 0u; start < count; start += KEY_SLOTS * KEY_TIMES) {
    if (slot < KEY_SLOTS) {
      for (var i = 0u; i < KEY_TIMES; i++) {
        let inside = min(start + i * KEY_SLOTS + slot, count - 1u);
        let score = dot(a, key(head, first, inside, pair * 2u)) + dot(b, key(head, first, inside, pair * 2u + 1u));
        sums[(i * KEY_SLOTS + slot) * (PAIRS + 1u) + pair] = score;
      }
    }
    workgroupBarrier();
    if (lane < KEY_SLOTS * KEY_TIMES && start + lane < PART) {
      var score = 0.0;
      for (var i = 0u; i < PAIRS; i++) { score += sums[lane * (PAIRS + 1u) + i]; }
      weights[start + lane] = score;
    }
    workgroupBarrier();
  }
}
