// A picture's pixels as the rows of the patch embedding's matrix product, normalised on the way: (pixel / 255 - mean) /
// deviation. A row a patch, channel by channel, each row by row; a lane an element.
#import grid

struct Params { dst: u32, rgb: u32, size: u32, patch_size: u32, mean: u32, deviation: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = linear_group(group, groups) * 256u + lane;
  let grid = p.size / p.patch_size;
  let area = p.patch_size * p.patch_size;
  if (i >= grid * grid * 3u * area) { return; }
  let x = i % p.patch_size;
  let y = i / p.patch_size % p.patch_size;
  let channel = i / area % 3u;
  let number = i / (3u * area);
  let pixel = (number / grid * p.patch_size + y) * p.size + number % grid * p.patch_size + x;
  let byte = pixel * 3u + channel;
  let value = f32((work[p.rgb + byte / 4u] >> (byte % 4u * 8u)) & 0xffu) / 255.0;
  let mean = bitcast<f32>(work[p.mean + channel]);
  let deviation = bitcast<f32>(work[p.deviation + channel]);
  work[p.dst + i] = bitcast<u32>((value - mean) / deviation);
}
