// The records of what swiglu gives: silu(gate) * up.
#import made_rows
#import sigmoid

struct Params { dst: u32, gate: u32, up: u32, rows: u32, width: u32 }

@group(0) @binding(0) var<uniform> p: Params;

fn made(row: u32, step: u32) -> vec4f {
  let gate = four(p.gate + row * p.width, step);
  let up = four(p.up + row * p.width, step);
  return gate * vec4f(sigmoid(gate.x), sigmoid(gate.y), sigmoid(gate.z), sigmoid(gate.w)) * up;
}
