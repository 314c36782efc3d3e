//! Elementary functions for the plain twins: `core` has none, and a reference must not lean on its own SIMD twin.

/// e^x, correct to the last bit of f32 or the one before: argument reduction by ln 2 in f64, then Taylor's series.
pub fn exp(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    if x > 88.8 {
        return f32::INFINITY;
    }
    if x < -104.0 {
        return 0.0;
    }
    let x = f64::from(x);
    let t = x * core::f64::consts::LOG2_E;
    let n = if t < 0.0 { (t - 0.5) as i64 } else { (t + 0.5) as i64 };
    let r = x - n as f64 * core::f64::consts::LN_2;
    let (mut term, mut sum) = (1.0f64, 1.0f64);
    for i in 1..14 {
        term *= r / i as f64;
        sum += term;
    }
    (sum * f64::from_bits(((n + 1023) as u64) << 52)) as f32
}

/// tanh x = 1 - 2 / (e^2x + 1).
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// 1 / sqrt(x) in f64 by Newton's iteration from the exponent, rounded to f32.
pub fn inverse_sqrt(x: f32) -> f32 {
    let x = f64::from(x);
    if !(x > 0.0 && x < f64::INFINITY) {
        return if x == 0.0 {
            f32::INFINITY
        } else if x > 0.0 {
            0.0
        } else {
            f32::NAN
        };
    }
    let mut y = f64::from_bits(0x5fe6_eb50_c7b5_37a9 - (x.to_bits() >> 1));
    for _ in 0..5 {
        y *= 1.5 - 0.5 * x * y * y;
    }
    y as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_std_to_one_ulp() {
        for i in -10_300..8_870 {
            let x = i as f32 * 0.01;
            let want = f64::from(x).exp() as f32;
            let ulp = f32::from_bits(want.to_bits() + 1) - want;
            assert!((exp(x) - want).abs() <= ulp, "exp({x}) = {}, want {want}", exp(x));
        }
        assert_eq!(exp(-200.0), 0.0);
        assert_eq!(exp(100.0), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn tanh_agrees_with_std() {
        for i in -2_000..2_000 {
            let x = i as f32 * 0.01;
            assert!((tanh(x) - x.tanh()).abs() < 3e-7, "tanh({x})");
        }
    }

    #[test]
    fn inverse_sqrt_agrees_with_std() {
        for x in [1e-30f32, 1e-6, 0.5, 1.0, 2.0, 3.0, 1e10, 3e38] {
            let want = (1.0 / f64::from(x).sqrt()) as f32;
            assert!(((inverse_sqrt(x) - want) / want).abs() < 1e-7, "inverse_sqrt({x})");
        }
        assert!(inverse_sqrt(-1.0).is_nan() && inverse_sqrt(f32::NAN).is_nan());
    }
}
