// Running totals over the 256 lanes of a workgroup, and a place among them.
var<workgroup> counted: array<u32, 256>;
var<workgroup> added: array<f32, 256>;
var<workgroup> first_reached: atomic<u32>;
var<workgroup> last_filled: atomic<u32>;

// Makes counted[lane] and added[lane] the totals of all lanes up to this one.
fn run_totals(count: u32, sum: f32, lane: u32) {
  counted[lane] = count;
  added[lane] = sum;
  if (lane == 0u) {
    atomicStore(&first_reached, 256u);
    atomicStore(&last_filled, 0u);
  }
  workgroupBarrier();
  for (var step = 1u; step < 256u; step <<= 1u) {
    var count_before = 0u;
    var sum_before = 0.0;
    if (lane >= step) {
      count_before = counted[lane - step];
      sum_before = added[lane - step];
    }
    workgroupBarrier();
    counted[lane] += count_before;
    added[lane] += sum_before;
    workgroupBarrier();
  }
}

// The first lane of those that have something and reach what is wanted; where rounding lets none reach it, the last that has.
fn first_that_reaches(has: bool, reaches: bool, lane: u32) -> u32 {
  if (has) {
    atomicMax(&last_filled, lane);
    if (reaches) { atomicMin(&first_reached, lane); }
  }
  workgroupBarrier();
  return min(atomicLoad(&first_reached), atomicLoad(&last_filled));
}
