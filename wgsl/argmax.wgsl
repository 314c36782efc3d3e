// Index of the largest element, of equal ones the first; 0xffffffff if any is NaN or infinite. One workgroup.

struct Params { dst: u32, x: u32, elements: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<f32>;
@group(0) @binding(2) var<storage, read_write> results: array<u32>;

var<workgroup> values: array<f32, 256>;
var<workgroup> places: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var best = -3.4028234e38;
  var place = 0xfffffffeu;
  var finite = true;
  for (var i = lane; i < p.elements; i += 256u) {
    let value = work[p.x + i];
    // by its bits: compilers may take comparisons to have no NaN
    finite = finite && (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
    if (value > best || place == 0xfffffffeu) {
      best = value;
      place = i;
    }
  }
  values[lane] = best;
  places[lane] = select(0xffffffffu, place, finite);
  workgroupBarrier();
  for (var step = 128u; step > 0u; step >>= 1u) {
    if (lane < step) {
      let other = places[lane + step];
      let larger = values[lane + step] > values[lane] || (values[lane + step] == values[lane] && other < places[lane]);
      if (other == 0xffffffffu) { places[lane] = other; }
      else if (places[lane] != 0xffffffffu && other != 0xfffffffeu && (larger || places[lane] == 0xfffffffeu)) {
        places[lane] = other;
        values[lane] = values[lane + step];
      }
    }
    workgroupBarrier();
  }
  if (lane == 0u) { results[p.dst] = places[0]; }
}
