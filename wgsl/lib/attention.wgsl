// What both ways of attention share: softmax(Q K^T / sqrt(head width)) V with grouped heads, in parts of 256 slots. A
// workgroup computes one part; where there are more, or weights are kept, `attention_merge` makes the result of them. So
// the order of sums depends on slots alone, and enough workgroups are under way even of one row.
#import kv_vector

// Addresses are word offsets; those of the work buffer are multiples of 4.
struct Params {
  dst: u32, q: u32, keys: u32, values: u32,
  // f32 [rows][heads][parts] { sum of weight * value [head width], largest score, sum of weights, 2 unused }
  scratch: u32,
  rows: u32, heads: u32, kvHeads: u32, capacity: u32,
  // row r sees past + r + 1 slots if causal, else past
  past: u32, causal: u32,
  // f32 [rows][heads][stride], where scores are left for `attention_merge` if `keep`, or weights are found if `reuse`
  probabilities: u32, reuse: u32,
  // textSlots: u32 [texts], ascending: the slots whose keys lie one after another in textKeys
  textKeys: u32, textCapacity: u32, textSlots: u32, texts: u32,
  keep: u32, stride: u32, parts: u32,
  // 1: there is one part, whose result is the result
  whole: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<vec4f>;

#if FAR
#if Q8
alias Four = u32;
fn unpacked(x: Four) -> vec4f { return vec4f((vec4i(i32(x)) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u)); }
fn scale_of(first: Four) -> f32 { return bitcast<f32>(first); }
#else
fn scale_of(first: Four) -> f32 { return 1.0; }
#if F16
alias Four = vec2u;
fn unpacked(x: Four) -> vec4f { return vec4f(unpack2x16float(x.x), unpack2x16float(x.y)); }
#else
alias Four = vec4f;
fn unpacked(x: Four) -> vec4f { return x; }
#endif
#endif
@group(0) @binding(2) var<storage, read> keys: array<Four>;
@group(0) @binding(3) var<storage, read> values: array<Four>;
@group(0) @binding(4) var<storage, read> text_keys: array<Four>;
#endif

const PART = 256u;
const LOWEST = -3.4028234e38;
// marks text keys among `sources`
const TEXT = 0x80000000u;

// Of each slot of the part, which of the vectors of a head its key is. All are the slots' own where no slot is text.
var<workgroup> sources: array<u32, PART>;

fn find_sources(first: u32, lane: u32, lanes: u32) {
  if (p.texts == 0u) { return; }
  for (var i = lane; i < PART; i += lanes) { sources[i] = first + i; }
  workgroupBarrier();
  for (var i = lane; i < p.texts; i += lanes) {
    let at = p.textSlots + i;
    let slot = bitcast<u32>(work[at / 4u][at % 4u]) - first;
    if (slot < PART) { sources[slot] = TEXT | i; }
  }
  workgroupBarrier();
}

// Elements 4 * four ... of the key in a slot of the part that begins with slot `first`.
fn key(head: u32, first: u32, slot: u32, four: u32) -> vec4f {
  var source = first + slot;
#if FAR
  if (p.texts != 0u) { source = sources[slot]; }
  if (source >= TEXT) {
    let at = (p.textKeys + (head * p.textCapacity + source - TEXT) * VECTOR_WORDS) / FOUR_WORDS;
    return unpacked(text_keys[at + SCALE_WORDS + four]) * scale_of(text_keys[at]);
  }
#endif
  let at = (p.keys + (head * p.capacity + source) * VECTOR_WORDS) / FOUR_WORDS;
#if FAR
  return unpacked(keys[at + SCALE_WORDS + four]) * scale_of(keys[at]);
#else
  return work[at + four];
#endif
}

fn value(head: u32, slot: u32, four: u32) -> vec4f {
  let at = (p.values + (head * p.capacity + slot) * VECTOR_WORDS) / FOUR_WORDS;
#if FAR
  return unpacked(values[at + SCALE_WORDS + four]) * scale_of(values[at]);
#else
  return work[at + four];
#endif
}

// Slots that a row sees.
fn visible(row: u32) -> u32 {
  return select(p.past, p.past + row + 1u, p.causal != 0u);
}

// Puts four elements of what a part makes of a vector (row * heads + head) where they belong.
fn finish(vector: u32, part: u32, four: u32, weighted: vec4f, largest: f32, sum: f32) {
  if (p.whole != 0u) {
    work[p.dst / 4u + vector * FOURS + four] = weighted / sum;
    return;
  }
  let at = p.scratch / 4u + (vector * p.parts + part) * (FOURS + 1u);
  work[at + four] = weighted;
  if (four == 0u) { work[at + FOURS] = vec4f(largest, sum, 0.0, 0.0); }
}
