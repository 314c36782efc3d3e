//! How many scans a JPEG has. Each costs its decoder a visit to every block, and takes some ten bytes of a file: one of
//! 20 MB could keep it busy for an hour.
use std::io::{BufRead, ErrorKind, Result, Seek, SeekFrom};

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// Scans up to the picture's end or, of a file that is cut, its own; no more than `most` are counted.
/// Markers are looked for as `jpeg_decoder` does: it skips what lies between segments, and so does this.
pub fn count_scans<I: BufRead + Seek>(input: &mut I, most: usize) -> usize {
    let mut scans = 0;
    while scans < most {
        match next_segment(input) {
            Ok(END_OF_IMAGE) | Err(_) => break,
            Ok(marker) => scans += usize::from(marker == START_OF_SCAN),
        }
    }
    scans
}

/// Goes to the end of the next segment; what a scan's header is followed by is skipped with what lies between segments.
fn next_segment<I: BufRead + Seek>(input: &mut I) -> Result<u8> {
    let marker = next_marker(input)?;
    // of these there is the marker alone: TEM, RST, SOI, EOI
    if !matches!(marker, 0x01 | 0xd0..=0xd9) {
        let mut length = [0; 2];
        input.read_exact(&mut length)?;
        let rest = u16::from_be_bytes(length).saturating_sub(2);
        input.seek(SeekFrom::Current(rest.into()))?;
    }
    Ok(marker)
}

fn next_marker<I: BufRead>(input: &mut I) -> Result<u8> {
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let Some(at) = bytes.iter().position(|&byte| byte == 0xff) else {
            let all = bytes.len();
            input.consume(all);
            continue;
        };
        input.consume(at);
        let mut byte = [0xff];
        while byte[0] == 0xff {
            input.read_exact(&mut byte)?;
        }
        // 0xff 0 is a byte of a scan
        if byte[0] != 0 {
            return Ok(byte[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::count_scans;
    use std::io::Cursor;

    const HEADER: &[u8] = b"\xff\xd8\xff\xe0\0\x06\xff\xda\xff\xd9";
    const SCAN: &[u8] = b"\xff\xda\0\x03\x01\x12\xff\0\x34\xff\xd3\x56";

    #[test]
    fn scans_are_counted_up_to_the_end_and_to_the_most() {
        for scans in 0..9 {
            let file = [
                HEADER,
                &SCAN.repeat(scans),
                b"between\xff\xff\xff\xfe\0\x04\xff\xda\xff\xd9",
                SCAN,
            ]
            .concat();
            assert_eq!(count_scans(&mut Cursor::new(&file), 100), scans);
            assert_eq!(count_scans(&mut Cursor::new(&file), 5), scans.min(5));
        }
    }

    #[test]
    fn a_cut_file_is_counted_as_far_as_it_goes() {
        let file = [HEADER, SCAN, SCAN].concat();
        for cut in 0..file.len() {
            assert!(count_scans(&mut Cursor::new(&file[..cut]), 100) <= 2, "cut at {cut}");
        }
        assert_eq!(count_scans(&mut Cursor::new(&file), 100), 2);
    }
}
