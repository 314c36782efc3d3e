// Index of the largest element, of equal ones the first; 0xffffffff if any is NaN or infinite. One workgroup.
#import first_largest

struct Params { x: u32, elements: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<f32>;
@group(0) @binding(2) var<storage, read_write> results: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var best = 0.0;
  var place = NO_PLACE;
  var finite = true;
  // eight at a time, so that no load waits for the one before; past the end the last once more
  for (var i = lane; i < p.elements; i += 2048u) {
    var some: array<f32, 8>;
    for (var j = 0u; j < 8u; j++) { some[j] = work[p.x + min(i + j * 256u, p.elements - 1u)]; }
    for (var j = 0u; j < 8u; j++) {
      let value = some[j];
      finite = finite && is_finite(bitcast<u32>(value));
      if (place == NO_PLACE || value > best) {
        best = value;
        place = min(i + j * 256u, p.elements - 1u);
      }
    }
  }
  let found = first_largest(best, select(NOT_FINITE, place, finite), lane);
  if (lane == 0u) { results[0] = found; }
}
