// A walk through weights from 0 to 1, f32 [p.elements] at p.scratch, in the order of their indices.
#import running

struct Range {
  // only weights with bits from here to there are seen
  least: u32,
  most: u32,
  // each counts as 1, not as itself
  counting: bool,
}

fn amount(i: u32, range: Range) -> f32 {
  let bits = work[p.scratch + i];
  if (bits < range.least || bits > range.most) { return 0.0; }
  return select(bitcast<f32>(bits), 1.0, range.counting);
}

// The first index up to which more than `wanted` is added up, or where it is not counting, more than that part of the total:
// for the lane that finds it; the others get NO_PLACE.
fn find_by_index(range: Range, wanted: f32, lane: u32) -> u32 {
  let each = (p.elements + 255u) / 256u;
  let begin = lane * each;
  let end = min(begin + each, p.elements);
  var sum = 0.0;
  // sums of few are summed, which rounds less
  for (var start = begin; start < end; start += 16u) {
    var part = 0.0;
    for (var i = start; i < min(start + 16u, end); i++) { part += amount(i, range); }
    sum += part;
  }
  run_totals(0u, sum, lane);
  let target_sum = select(wanted * added[255], wanted, range.counting);
  let chosen = first_that_reaches(sum > 0.0, added[lane] > target_sum, lane);
  if (lane != chosen) { return NO_PLACE; }
  var rest = target_sum;
  if (lane > 0u) { rest -= added[lane - 1u]; }
  var found = NO_PLACE;
  for (var i = begin; i < end; i++) {
    let own = amount(i, range);
    if (own > 0.0) { found = i; }
    rest -= own;
    if (rest < 0.0) { break; }
  }
  return found;
}
