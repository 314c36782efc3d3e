// gelu(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), the tanh form (Hendrycks and Gimpel, arXiv 1606.08415).
fn gelu(x: f32) -> f32 {
  // some implementations of tanh overflow far out, where it is 1 anyway
  let t = clamp(0.7978846 * (x + 0.044715 * x * x * x), -15.0, 15.0);
  return 0.5 * x * (1.0 + tanh(t));
}
