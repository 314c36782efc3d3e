// The records of gelu(x).
#import gelu
#import made_rows

struct Params { dst: u32, x: u32, rows: u32, width: u32 }

@group(0) @binding(0) var<uniform> p: Params;

fn made(row: u32, step: u32) -> vec4f {
  let x = four(p.x + row * p.width, step);
  return vec4f(gelu(x.x), gelu(x.y), gelu(x.z), gelu(x.w));
}
