//! A picture's bytes, with a wanted size and a limit of memory in the last ones: decoding gives the pixels or a typed
//! error, within the memory that was allowed.
#![no_main]
use libfuzzer_sys::fuzz_target;
use loris_fuzz::allocated::{peak_of, Counting};
use loris_fuzz::input::Tail;
use loris_image::{decode, probe, ErrorKind, Limits};
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MAX_PIXELS: u64 = 1 << 16;
/// What the module has of its own beside its stack and constants, for readers' buffers and tables of codes.
const OWN_BYTES: usize = 1 << 20;
/// A lossy WebP says in 24 bits how long a part of its data is, and its decoder makes room for that before it reads.
const WEBP_PART_BYTES: usize = 1 << 24;

fuzz_target!(
    init: {
        // A crate that decodes may give up on its bytes: in the module that is a trap, which the SDK reports as a damaged
        // picture. A panic in our own source is a finding.
        set_hook(Box::new(|panic| {
            let theirs = panic.location().is_some_and(|at| at.file().contains("/registry/"));
            if !theirs {
                eprintln!("{panic}");
                std::process::abort();
            }
        }));
    },
    |data: &[u8]| {
        let mut tail = Tail(data);
        let (width, height) = (tail.between(1, 80) as u32, tail.between(1, 80) as u32);
        let max_bytes = 1 << tail.between(14, 22);
        let limits = Limits { max_pixels: MAX_PIXELS, max_bytes };
        // metadata and code tables are as large as the file makes them
        let own_bytes = OWN_BYTES + 4 * data.len() + if data.starts_with(b"RIFF") { WEBP_PART_BYTES } else { 0 };

        let (probed, peak) = peak_of(|| catch_unwind(|| probe(&data)));
        assert!(peak <= own_bytes, "reading the header held {peak} bytes");
        let (decoded, peak) = peak_of(|| catch_unwind(AssertUnwindSafe(|| decode(&data, width, height, limits))));
        assert!(peak <= max_bytes + own_bytes, "decoding held {peak} bytes of {max_bytes}");
        let (Ok(probed), Ok(decoded)) = (probed, decoded) else {
            return;
        };
        match (probed, decoded) {
            (Ok(probed), Ok(rgb)) => {
                assert_eq!(rgb.len(), (width * height * 3) as usize);
                assert!(u64::from(probed.width) * u64::from(probed.height) <= MAX_PIXELS);
                assert!((1..=8).contains(&probed.orientation));
            }
            (Err(refused), Ok(_)) => panic!("decoded what has no header: {refused:?}"),
            (Err(refused), Err(error)) => assert!(
                refused.kind == error.kind || error.kind == ErrorKind::TooLarge,
                "{refused:?} became {error:?}"
            ),
            (Ok(_), Err(_)) => {}
        }
    }
);
