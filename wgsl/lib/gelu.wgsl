// x / 2 * (1 + tanh u) = x * sigmoid(2u), u = sqrt(2 / pi) * (x + 0.044715 x^3) (Hendrycks and Gimpel, arXiv 1606.08415).
#import sigmoid

fn gelu(x: f32) -> f32 {
  return x * sigmoid(1.5957691 * (x + 0.044715 * x * x * x));
}
