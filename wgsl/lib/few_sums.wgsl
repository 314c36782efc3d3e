// Products of a few rows with 8 columns of a matrix. A team of lanes has a group of columns; its lanes share the inputs
// out, so that neighbours read what lies side by side and each weight is read and unpacked once; in the end they add their
// sums up. A lane asks for all that it needs of three steps before it waits for any of it.
#import near

#if FOUR
const ROWS = 4u;
#else
const ROWS = 1u;
#endif
#if NORMED
// the rows' sums of squares are one more set
const SETS = ROWS + 1u;
#else
const SETS = ROWS;
#endif
#if TWO
const TEAMS = 2u;
#else
const TEAMS = 1u;
#endif
// of a team; 32 or 128, for which the sums take 2 or 3 steps of 4 each
const LANES = 128u >> (TEAMS * SETS / 6u * 2u);
const STRIDE = LANES / 2u;

// [team][set][lane]
var<workgroup> parts: array<vec4f, TEAMS * SETS * LANES>;

#if FOUR
alias Sums = mat4x4f;
#else
alias Sums = vec4f;
#endif

// What 4 inputs of each row add to 4 columns' sums. `counts`: false for a step beyond the last, that stands for it.
fn add_step(sums: ptr<function, Sums>, squares: ptr<function, vec4f>, w: Piece, x: Inputs, counts: bool) {
#if NORMED
  let by = select(vec4f(), x.weights, counts);
#if FOUR
  *squares += select(vec4f(), vec4f(dot(x.a, x.a), dot(x.b, x.b), dot(x.c, x.c), dot(x.d, x.d)), counts);
  *sums += Sums(products(w, x.a * by), products(w, x.b * by), products(w, x.c * by), products(w, x.d * by));
#else
  squares.x += select(0.0, dot(x.a, x.a), counts);
  *sums += products(w, x.a * by);
#endif
#else
#if FOUR
  let more = Sums(products(w, x.a), products(w, x.b), products(w, x.c), products(w, x.d));
  if (counts) { *sums += more; }
#else
  *sums += select(vec4f(), products(w, x.a), counts);
#endif
#endif
}

struct Inputs {
  a: Input,
#if FOUR
  b: Input,
  c: Input,
  d: Input,
#endif
#if NORMED
  weights: vec4f,
#endif
}

fn inputs(row: u32, step: u32) -> Inputs {
  return Inputs(
    input(row, step),
#if FOUR
    input(row + 1u, step),
    input(row + 2u, step),
    input(row + 3u, step),
#endif
#if NORMED
    norm_weights(step),
#endif
  );
}

// Leaves the sums of rows from `row` on, for the group of columns that starts at an element, with two of the team's lanes: the
// first has those of the lower half of the group, the other one of the upper half. All lanes together.
fn sum_up(start: u32, row: u32, team: u32, lane: u32, near: u32) {
  let half = lane & 1u;
  let steps = (p.width + 3u) / 4u;
  let last = steps - 1u;
  var sums = Sums();
  var squares = vec4f();
  for (var step = lane >> 1u; step < steps; step += 3u * STRIDE) {
    let second = step + STRIDE;
    let third = second + STRIDE;
    let w0 = piece(start, step, half);
    let w1 = piece(start, min(second, last), half);
    let w2 = piece(start, min(third, last), half);
    let x0 = inputs(row, step);
    let x1 = inputs(row, min(second, last));
    let x2 = inputs(row, min(third, last));
    add_step(&sums, &squares, w0, x0, true);
    add_step(&sums, &squares, w1, x1, second < steps);
    add_step(&sums, &squares, w2, x2, third < steps);
  }
#if SUBGROUPS
  // those of each half
  let together = min(near, LANES);
  for (var step = 2u; step < together; step <<= 1u) {
#if FOUR
    sums += Sums(
      subgroupShuffleXor(sums[0], step),
      subgroupShuffleXor(sums[1], step),
      subgroupShuffleXor(sums[2], step),
      subgroupShuffleXor(sums[3], step),
    );
#else
    sums += subgroupShuffleXor(sums, step);
#endif
#if NORMED
    squares += subgroupShuffleXor(squares, step);
#endif
  }
#endif
  let place = team * SETS * LANES + lane;
#if FOUR
  parts[place] = sums[0];
  parts[place + LANES] = sums[1];
  parts[place + 2u * LANES] = sums[2];
  parts[place + 3u * LANES] = sums[3];
#else
  parts[place] = sums;
#endif
#if NORMED
  parts[place + ROWS * LANES] = squares;
#endif
  workgroupBarrier();
#if SUBGROUPS
  if (together == LANES) { return; }
  if (lane < 2u * SETS) {
    let first = team * SETS * LANES + (lane >> 1u) * LANES + half;
    for (var i = together; i < LANES; i += together) { parts[first] += parts[first + i]; }
  }
  workgroupBarrier();
#else
  for (var left = LANES / 4u; left >= 2u; left >>= 2u) {
    for (var i = team * LANES + lane; i < left * TEAMS * SETS; i += TEAMS * LANES) {
      let at = i / left * LANES + i % left;
      parts[at] = (parts[at] + parts[at + left]) + (parts[at + 2u * left] + parts[at + 3u * left]);
    }
    workgroupBarrier();
  }
#endif
}

// The sums of a row, counted from the first, for half of a team's group.
fn sums_at(team: u32, row: u32, half: u32) -> vec4f {
  return parts[(team * SETS + row) * LANES + half];
}
