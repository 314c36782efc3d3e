// 1 / (1 + e^-x). The power stays finite, since what a division by infinity gives is the device's choice.
fn sigmoid(x: f32) -> f32 {
  return select(1.0 / (1.0 + exp(-max(x, -80.0))), 0.0, x < -80.0);
}
