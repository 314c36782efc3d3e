//! IEEE 754 binary16 <-> binary32. WASM has no instruction for either way.

/// Exact, with subnormals, infinities and NaN.
#[inline]
pub fn to_f32(h: u16) -> f32 {
    let sign = u32::from(h & 0x8000) << 16;
    let rest = u32::from(h & 0x7fff);
    let magnitude = if rest >= 0x7c00 {
        0x7f80_0000 | (rest & 0x3ff) << 13
    } else {
        // exponent bias 15 -> 127 by a multiplication, which also makes subnormals normal
        (f32::from_bits(rest << 13) * f32::from_bits(0x7780_0000)).to_bits()
    };
    f32::from_bits(sign | magnitude)
}

/// Rounds to nearest, ties to even; over 65504 becomes an infinity.
#[inline]
pub fn from_f32(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let rest = bits & 0x7fff_ffff;
    if rest > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    if rest >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    let h = if rest < 0x3880_0000 {
        // below the smallest normal: adding 0.5 leaves the rounded subnormal in the low bits
        (f32::from_bits(rest) + 0.5).to_bits() - 0.5f32.to_bits()
    } else {
        (rest - 0x3800_0000 + 0x0fff + ((rest >> 13) & 1)) >> 13
    };
    sign | h as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_the_round_trip() {
        for h in 0..=u16::MAX {
            let x = to_f32(h);
            if x.is_nan() {
                assert!(h & 0x7c00 == 0x7c00 && h & 0x3ff != 0 && to_f32(from_f32(x)).is_nan());
            } else {
                assert_eq!(from_f32(x), h, "{h:#06x} -> {x}");
            }
        }
    }

    #[test]
    fn known_values() {
        for (h, x) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
        ] {
            assert_eq!(to_f32(h), x);
            assert_eq!(from_f32(x), h);
        }
        assert_eq!(from_f32(1.0 + 1.0 / 2048.0), 0x3c00, "tie to even");
        assert_eq!(from_f32(1.0 + 3.0 / 2048.0), 0x3c02, "tie to even");
        assert_eq!(from_f32(65520.0), 0x7c00);
        assert_eq!(to_f32(0xfc00), f32::NEG_INFINITY);
    }
}
