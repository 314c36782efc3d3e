// The largest value and the sum over the 256 lanes of a workgroup, in the same order whatever is computed beside it.
#import near

#if SUBGROUPS
// Subgroups by themselves, then every lane takes what all have: two barriers. No subgroup has less than 4 lanes.
var<workgroup> of_subgroups: array<f32, 64>;

fn largest_over_lanes(value: f32, lane: u32, near: u32) -> f32 {
  let own = subgroupMax(value);
  if (lane % near == 0u) { of_subgroups[lane / near] = own; }
  workgroupBarrier();
  var most = of_subgroups[0];
  for (var i = 1u; i < 256u / near; i++) { most = max(most, of_subgroups[i]); }
  workgroupBarrier();
  return most;
}

fn sum_over_lanes(value: f32, lane: u32, near: u32) -> f32 {
  let own = subgroupAdd(value);
  if (lane % near == 0u) { of_subgroups[lane / near] = own; }
  workgroupBarrier();
  var sum = of_subgroups[0];
  for (var i = 1u; i < 256u / near; i++) { sum += of_subgroups[i]; }
  workgroupBarrier();
  return sum;
}
#else
// Sixteen lanes take sixteen values each, then every lane takes all of theirs: three barriers.
var<workgroup> of_lanes: array<f32, 256>;
var<workgroup> of_sixteen: array<f32, 16>;

fn largest_over_lanes(value: f32, lane: u32, _near: u32) -> f32 {
  of_lanes[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var most = of_lanes[lane];
    for (var i = 16u; i < 256u; i += 16u) { most = max(most, of_lanes[i + lane]); }
    of_sixteen[lane] = most;
  }
  workgroupBarrier();
  var most = of_sixteen[0];
  for (var i = 1u; i < 16u; i++) { most = max(most, of_sixteen[i]); }
  workgroupBarrier();
  return most;
}

fn sum_over_lanes(value: f32, lane: u32, _near: u32) -> f32 {
  of_lanes[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var sum = of_lanes[lane];
    for (var i = 16u; i < 256u; i += 16u) { sum += of_lanes[i + lane]; }
    of_sixteen[lane] = sum;
  }
  workgroupBarrier();
  var sum = of_sixteen[0];
  for (var i = 1u; i < 16u; i++) { sum += of_sixteen[i]; }
  workgroupBarrier();
  return sum;
}
#endif
