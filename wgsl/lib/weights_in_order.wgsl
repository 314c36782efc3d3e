// Weights from 0 to 1, f32 [p.elements] at p.scratch, in the order largest first, of equal ones the lower place first, without
// sorting them: floats that are not negative have the order of their bits, so a place in the order is found digit by digit
// by how many weights have which digit and what they add up to.
#import running

// What decides where in the order the place is: the number of weights up to it, or their sum, that reaches or exceeds a part
// of the total.
const BY_COUNT = 0u;
const BY_SUM_REACHED = 1u;
const BY_SUM_EXCEEDED = 2u;

struct Place {
  // of the weight there
  bits: u32,
  // how many weights are as large
  equals: u32,
  // how many are larger, and their sum
  larger: u32,
  larger_sum: f32,
  // the sum that was looked for
  wanted_sum: f32,
}

var<workgroup> counts: array<atomic<u32>, 256>;
// Sums in fixed point, which no order of adding changes: parts of 12 bits each have room for 2^20 weights.
var<workgroup> high: array<atomic<u32>, 256>;
var<workgroup> middle: array<atomic<u32>, 256>;
var<workgroup> low: array<atomic<u32>, 256>;

fn put_into_bucket(bucket: u32, weight: f32) {
  let scaled = weight * 4096.0;
  let rest = (scaled - floor(scaled)) * 4096.0;
  let last = (rest - floor(rest)) * 4096.0;
  atomicAdd(&counts[bucket], 1u);
  atomicAdd(&high[bucket], u32(scaled));
  atomicAdd(&middle[bucket], u32(rest));
  atomicAdd(&low[bucket], u32(last + 0.5));
}

fn sum_of_bucket(bucket: u32) -> f32 {
  let faint = f32(atomicLoad(&middle[bucket])) + f32(atomicLoad(&low[bucket])) / 4096.0;
  return (f32(atomicLoad(&high[bucket])) + faint / 4096.0) / 4096.0;
}

// Only weights with bits from `least` on are seen. `known_total`: their sum where not all of them count, or below 0.
fn place_in_order(how: u32, count: u32, part: f32, least: u32, known_total: f32, lane: u32) -> Place {
  var place = Place(0u, 0u, 0u, 0.0, 0.0);
  // digits of 8, 8, 8 and 6 bits: no weight is over 1, the float 0x3f800000
  for (var digit = 0u; digit < 4u; digit++) {
    let width = select(8u, 6u, digit == 3u);
    let shift = select(22u - 8u * digit, 0u, digit == 3u);
    atomicStore(&counts[lane], 0u);
    atomicStore(&high[lane], 0u);
    atomicStore(&middle[lane], 0u);
    atomicStore(&low[lane], 0u);
    workgroupBarrier();
    for (var i = lane; i < p.elements; i += 256u) {
      let bits = work[p.scratch + i];
      if (bits >= least && bits >> (shift + width) == place.bits) {
        put_into_bucket((bits >> shift) & ((1u << width) - 1u), bitcast<f32>(bits));
      }
    }
    workgroupBarrier();
    let own = atomicLoad(&counts[255u - lane]);
    run_totals(own, sum_of_bucket(255u - lane), lane);
    if (digit == 0u) { place.wanted_sum = part * select(added[255], known_total, known_total >= 0.0); }
    let sum = place.larger_sum + added[lane];
    var reaches = place.larger + counted[lane] >= count;
    if (how == BY_SUM_REACHED) { reaches = sum >= place.wanted_sum; }
    if (how == BY_SUM_EXCEEDED) { reaches = sum > place.wanted_sum; }
    let chosen = first_that_reaches(own > 0u, reaches, lane);
    if (chosen > 0u) {
      place.larger += counted[chosen - 1u];
      place.larger_sum += added[chosen - 1u];
    }
    place.equals = atomicLoad(&counts[255u - chosen]);
    place.bits = (place.bits << width) | (255u - chosen);
    workgroupBarrier();
  }
  return place;
}

// How many of the weights that are as large as the one at a place come before what its sum looks for.
fn equals_before(place: Place) -> f32 {
  return (place.wanted_sum - place.larger_sum) / bitcast<f32>(max(place.bits, 1u));
}
