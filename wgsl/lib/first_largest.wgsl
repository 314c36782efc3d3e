// The place of the largest value of 256 lanes, of equal ones the first.
const NOT_FINITE = 0xffffffffu;
const NO_PLACE = 0xfffffffeu;

var<workgroup> values: array<f32, 256>;
var<workgroup> places: array<u32, 256>;

// By its bits: compilers may take comparisons to have no NaN
fn is_finite(bits: u32) -> bool {
  return (bits & 0x7f800000u) != 0x7f800000u;
}

// A lane that has seen none gives NO_PLACE; where one gives NOT_FINITE, that is the result.
fn first_largest(value: f32, place: u32, lane: u32) -> u32 {
  values[lane] = value;
  places[lane] = place;
  workgroupBarrier();
  for (var step = 128u; step > 0u; step >>= 1u) {
    if (lane < step) {
      let own = places[lane];
      let other = places[lane + step];
      let a = values[lane];
      let b = values[lane + step];
      let better = own == NO_PLACE || (other != NO_PLACE && (b > a || (b == a && other < own)));
      if (other == NOT_FINITE || (own != NOT_FINITE && better)) {
        places[lane] = other;
        values[lane] = b;
      }
    }
    workgroupBarrier();
  }
  let found = places[0];
  workgroupBarrier();
  return found;
}
