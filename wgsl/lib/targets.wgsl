// Up to three matrices of the same rows, in one buffer, of which a workgroup does some columns of one. The shader's
// parameters have packed, dst, columns and stride of the first, and the same of b and c; no columns where there is none.
struct Target { packed: u32, dst: u32, columns: u32, stride: u32, number: u32 }

// What the workgroup does; number: which of the matrix's groups of columns.
var<private> to: Target;

// Of workgroup x, where each has so many columns.
fn choose(x: u32, side: u32) {
  to = Target(p.packed, p.dst, p.columns, p.stride, x);
  let groups_a = (p.columns + side - 1u) / side;
  if (x < groups_a) { return; }
  to = Target(p.packed_b, p.dst_b, p.columns_b, p.stride_b, x - groups_a);
  let groups_b = (p.columns_b + side - 1u) / side;
  if (to.number < groups_b) { return; }
  to = Target(p.packed_c, p.dst_c, p.columns_c, p.stride_c, to.number - groups_b);
}
