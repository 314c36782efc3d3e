// The results of attention from those of its parts, each with sums of its own against a largest score of its own; and
// where scores were left, weights in their place, 0 for slots that a row does not see. A workgroup a row's head.
#import lanes

// As in lib/attention.wgsl; `width`: of a head.
struct Params {
  dst: u32, scratch: u32, width: u32, heads: u32, past: u32, causal: u32, probabilities: u32,
  keep: u32, stride: u32, parts: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<vec4f>;

var<workgroup> sums: array<vec4f, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
#if SUBGROUPS
  @builtin(subgroup_size) near: u32,
#endif
) {
  let vector = group.x;
  let end = select(p.past, p.past + vector / p.heads + 1u, p.causal != 0u);
  let parts = (end + 255u) / 256u;
  let fours = p.width / 4u;
  let first = p.scratch / 4u + vector * p.parts * (fours + 1u);
  var largest = -3.4028234e38;
  for (var part = lane; part < parts; part += 256u) { largest = max(largest, stats(first, part, fours).x); }
  largest = largest_over_lanes(largest, lane, near);
  var sum = 0.0;
  for (var part = lane; part < parts; part += 256u) {
    let of_part = stats(first, part, fours);
    sum += of_part.y * exp(of_part.x - largest);
  }
  sum = sum_over_lanes(sum, lane, near);

  let sets = 256u / fours;
  var weighted = vec4f();
  if (lane < sets * fours) {
    for (var part = lane / fours; part < parts; part += sets) {
      weighted += work[first + part * (fours + 1u) + lane % fours] * exp(stats(first, part, fours).x - largest);
    }
  }
  sums[lane] = weighted;
  workgroupBarrier();
  if (lane < fours) {
    for (var i = lane + fours; i < sets * fours; i += fours) { weighted += sums[i]; }
    work[p.dst / 4u + vector * fours + lane] = weighted / sum;
  }
  if (p.keep == 0u) { return; }
  let kept = (p.probabilities + vector * p.stride) / 4u;
  for (var i = lane; i < p.stride / 4u; i += 256u) {
    let slots = vec4u(i * 4u) + vec4u(0u, 1u, 2u, 3u);
    work[kept + i] = select(vec4f(), exp(work[kept + i] - largest) / sum, slots < vec4u(end));
  }
}

// Largest score and sum of a part.
fn stats(first: u32, part: u32, fours: u32) -> vec4f {
  return work[first + part * (fours + 1u) + fours];
}
