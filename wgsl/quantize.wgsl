// Rows of f32 into the records that matrix products with quantized weights read.
#import made_rows

struct Params { dst: u32, x: u32, rows: u32, width: u32 }

@group(0) @binding(0) var<uniform> p: Params;

fn made(row: u32, step: u32) -> vec4f {
  return four(p.x + row * p.width, step);
}
