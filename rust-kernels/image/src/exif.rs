//! The one thing wanted of EXIF: which way up the picture is (tag 0x0112; TIFF 6.0 and EXIF 2.3).

/// 1 to 8; 1 where there is no orientation or the block is broken.
pub fn orientation(block: &[u8]) -> u8 {
    read(block.strip_prefix(b"Exif\0\0").unwrap_or(block))
        .filter(|o| (1..=8).contains(o))
        .unwrap_or(1)
}

fn read(tiff: &[u8]) -> Option<u8> {
    let big = match tiff.get(..2)? {
        b"MM" => true,
        b"II" => false,
        _ => return None,
    };
    let u16_at = |i: usize| {
        let b: [u8; 2] = tiff.get(i..i.checked_add(2)?)?.try_into().ok()?;
        Some(if big {
            u16::from_be_bytes(b)
        } else {
            u16::from_le_bytes(b)
        })
    };
    let u32_at = |i: usize| {
        let b: [u8; 4] = tiff.get(i..i.checked_add(4)?)?.try_into().ok()?;
        Some(if big {
            u32::from_be_bytes(b)
        } else {
            u32::from_le_bytes(b)
        })
    };
    if u16_at(2)? != 42 {
        return None;
    }
    let directory = u32_at(4)? as usize;
    let entries = usize::from(u16_at(directory)?);
    for entry in 0..entries {
        let at = directory.checked_add(2 + 12 * entry)?;
        if u16_at(at)? == 0x0112 {
            return u8::try_from(u16_at(at + 8)?).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::orientation;

    fn block(big: bool, value: u16) -> Vec<u8> {
        let u16b = |v: u16| if big { v.to_be_bytes() } else { v.to_le_bytes() };
        let u32b = |v: u32| if big { v.to_be_bytes() } else { v.to_le_bytes() };
        let mut b = if big { b"MM".to_vec() } else { b"II".to_vec() };
        b.extend(u16b(42));
        b.extend(u32b(8));
        b.extend(u16b(1));
        b.extend(u16b(0x0112));
        b.extend(u16b(3));
        b.extend(u32b(1));
        b.extend(u16b(value));
        b
    }

    #[test]
    fn both_byte_orders_with_and_without_prefix() {
        for value in 1..=8 {
            for big in [false, true] {
                let b = block(big, value);
                assert_eq!(u16::from(orientation(&b)), value);
                assert_eq!(u16::from(orientation(&[b"Exif\0\0", &b[..]].concat())), value);
            }
        }
    }

    #[test]
    fn broken_blocks_are_upright() {
        let whole = block(true, 6);
        for cut in 0..whole.len() {
            assert_eq!(orientation(&whole[..cut]), 1, "cut at {cut}");
        }
        assert_eq!(orientation(&block(false, 9)), 1);
        assert_eq!(orientation(&block(false, 0)), 1);
        assert_eq!(orientation(b"MM\0*\xff\xff\xff\xff"), 1);
    }
}
