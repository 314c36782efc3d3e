// Index of the logit that penalty, temperature, top-k, top-p, min-p and the draw choose, in this order; 0xffffffff if any logit
// is NaN or infinite. One workgroup. Sums are f32: the draw is another than one in f64 only where `uniform` is within 1e-5 of
// the edge of what belongs to an index, or top-p as near to the sum of what it keeps.
#import first_largest
#import weights_in_order
#import weights_by_index

struct Params {
  scratch: u32, logits: u32, elements: u32, recent: u32, recents: u32,
  penalty: f32, temperature: f32, top_k: u32, top_p: f32, min_p: f32, uniform: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<u32>;
@group(0) @binding(2) var<storage, read_write> results: array<u32>;

const FAINTEST = -60.0;
const MOST = 3.4028234e38;

fn penalised(logit: f32) -> f32 {
  if (logit > 0.0) { return min(logit / p.penalty, MOST); }
  return max(logit * p.penalty, -MOST);
}

// The largest weight is 1 whatever exp makes of 0, so that min-p compares with weights as they are.
fn weight(logit: f32, largest: f32) -> f32 {
  let exponent = (logit - largest) / p.temperature;
  if (exponent < FAINTEST) { return 0.0; }
  return select(exp(exponent), 1.0, exponent >= 0.0);
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var finite = true;
  for (var i = lane; i < p.elements; i += 256u) {
    let bits = work[p.logits + i];
    finite = finite && is_finite(bits);
    work[p.scratch + i] = bits;
  }
  storageBarrier();
  for (var i = lane; i < p.recents; i += 256u) {
    // of the logits themselves, so that an index that is there twice is penalised once
    let index = work[p.recent + i];
    work[p.scratch + index] = bitcast<u32>(penalised(bitcast<f32>(work[p.logits + index])));
  }
  storageBarrier();
  var best = 0.0;
  var place = NO_PLACE;
  for (var i = lane; i < p.elements; i += 256u) {
    let logit = bitcast<f32>(work[p.scratch + i]);
    if (place == NO_PLACE || logit > best) {
      best = logit;
      place = i;
    }
  }
  let first = first_largest(best, select(NOT_FINITE, place, finite), lane);
  if (p.temperature == 0.0) {
    if (lane == 0u) { results[0] = first; }
    return;
  }
  let largest = bitcast<f32>(work[p.scratch + min(first, p.elements - 1u)]);
  storageBarrier();
  for (var i = lane; i < p.elements; i += 256u) {
    work[p.scratch + i] = bitcast<u32>(weight(bitcast<f32>(work[p.scratch + i]), largest));
  }
  storageBarrier();

  // What is kept: weights with bits over `bound`, and so many of those that have its bits.
  var bound = 0u;
  var equals = 0u;
  var total = -1.0;
  if (p.top_k < p.elements) {
    let last = place_in_order(BY_COUNT, p.top_k, 0.0, 0u, -1.0, lane);
    bound = last.bits;
    equals = p.top_k - last.larger;
    total = last.larger_sum + f32(equals) * bitcast<f32>(bound);
  }
  if (p.top_p < 1.0) {
    // a sum that should reach top-p to the bit must not fail by its rounding
    let last = place_in_order(BY_SUM_REACHED, 0u, p.top_p * (1.0 - 1e-6), bound, total, lane);
    let most = select(last.equals, equals, last.bits == bound && total >= 0.0);
    equals = u32(clamp(ceil(equals_before(last)), 1.0, f32(most)));
    bound = last.bits;
    total = last.larger_sum + f32(equals) * bitcast<f32>(bound);
  }
  if (p.min_p > 0.0 && bitcast<u32>(p.min_p) > bound) {
    bound = bitcast<u32>(p.min_p) - 1u;
    equals = 0u;
    total = -1.0;
  }
  // a weight of 0 is never drawn
  var range = Range(max(bound + select(1u, 0u, equals > 0u), 1u), 0xffffffffu, false);
  var wanted = p.uniform;
  if (p.top_k < p.elements || p.top_p < 1.0) {
    let drawn = place_in_order(BY_SUM_EXCEEDED, 0u, p.uniform, range.least, total, lane);
    let most = select(drawn.equals, equals, drawn.bits == bound);
    wanted = clamp(floor(equals_before(drawn)), 0.0, f32(most) - 1.0);
    range = Range(drawn.bits, drawn.bits, true);
  }
  let chosen = find_by_index(range, wanted, lane);
  if (first == NOT_FINITE) {
    if (lane == 0u) { results[0] = NOT_FINITE; }
  } else if (chosen != NO_PLACE) {
    results[0] = chosen;
  }
}
