// The largest value and the sum over the 256 lanes of a workgroup, in the same order whatever is computed beside it.
// Sixteen lanes take sixteen values each, then every lane takes all of theirs: three barriers.
var<workgroup> of_lanes: array<f32, 256>;
var<workgroup> of_sixteen: array<f32, 16>;

fn largest_over_lanes(value: f32, lane: u32) -> f32 {
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

fn sum_over_lanes(value: f32, lane: u32) -> f32 {
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
