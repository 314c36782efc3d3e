//! Any size to any other: as many pixels as were asked for, of the values that went in, within the bytes foretold.
#![no_main]
use libfuzzer_sys::fuzz_target;
use loris_fuzz::allocated::{peak_of, Counting};
use loris_fuzz::input::Tail;
use loris_image::Resizer;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|data: &[u8]| {
    let mut tail = Tail(data);
    let mut side = || match tail.byte() % 4 {
        0 => tail.between(1, 8),
        1 => tail.between(1, 64),
        2 => tail.between(1, 256),
        _ => 16 * tail.between(1, 256),
    };
    let (width, height, out_width, out_height) = (side(), side(), side(), side());
    if width * height > 1 << 15 || out_width * out_height > 1 << 15 {
        return;
    }
    let pixels = if tail.0.is_empty() { data } else { tail.0 };
    if pixels.is_empty() {
        return;
    }
    let line: Vec<u8> = pixels.iter().copied().cycle().take(width * 3 + height).collect();
    let (out, peak) = peak_of(|| {
        let mut resizer = Resizer::new(width, height, out_width, out_height);
        for y in 0..height {
            resizer.push(&line[y..y + width * 3]);
        }
        assert_eq!(resizer.rows(), height);
        resizer.finish()
    });
    assert_eq!(out.len(), out_width * out_height * 3);
    let foretold = Resizer::bytes(width, height, out_width, out_height);
    assert!(
        peak as u64 <= foretold,
        "{width} x {height} to {out_width} x {out_height} held {peak} bytes of {foretold}"
    );
    if line.iter().all(|v| *v == line[0]) {
        assert!(out.iter().all(|v| *v == line[0]), "a flat picture is no longer flat");
    }
});
