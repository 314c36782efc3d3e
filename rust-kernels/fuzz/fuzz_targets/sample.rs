//! Any logits, any parameters that the operation's page allows: one of the tokens that are left, or a word that a logit is
//! not finite; and the logits stay as they are.
#![no_main]
use libfuzzer_sys::fuzz_target;
use loris_fuzz::buffer::Buffer;
use loris_fuzz::input::Tail;
use loris_kernels::argmax::{argmax, NOT_FINITE};
use loris_kernels::sample::{sample, sample_scratch};

const PENALTIES: [f64; 5] = [1.0, 1.3, 0.01, 100.0, 0.9];
const TEMPERATURES: [f64; 6] = [0.0, 1e-6, 0.3, 1.0, 100.0, 1e-30];

fuzz_target!(|data: &[u8]| {
    let mut tail = Tail(data);
    let penalty = PENALTIES[tail.between(0, PENALTIES.len() - 1)];
    let temperature = TEMPERATURES[tail.between(0, TEMPERATURES.len() - 1)];
    let (share, least) = (f64::from(tail.byte()) / 255.0, f64::from(tail.byte()) / 255.0);
    let (top_p, min_p) = (if share == 0.0 { 1e-6 } else { share }, least * least);
    let uniform = f64::from(tail.byte()) / 256.0;
    let (elements, recents) = (tail.between(1, 200), tail.between(0, 8));
    let top_k = tail.between(1, elements);
    let recent: Vec<u32> = (0..recents).map(|_| tail.between(0, elements - 1) as u32).collect();
    let recent: Vec<u8> = recent.into_iter().flat_map(u32::to_le_bytes).collect();
    let recent = Buffer::bytes(recent.len(), &recent);
    let logits = Buffer::bytes(elements * 4, tail.0);
    let before = logits.values();
    let scratch = Buffer::floats(sample_scratch(elements), &[0x7f]);
    // SAFETY: every buffer is of the size that the operation's page asks for.
    let (id, best, greedy) = unsafe {
        let draw = |temperature, top_k| {
            sample(
                scratch.at(),
                logits.at(),
                elements,
                recent.at(),
                recents,
                penalty,
                temperature,
                top_k,
                top_p,
                min_p,
                uniform,
            )
        };
        (
            draw(temperature, top_k),
            argmax(logits.at(), elements),
            draw(0.0, elements),
        )
    };
    let after = logits.values();
    assert!(
        before.iter().zip(&after).all(|(a, b)| a.to_bits() == b.to_bits()),
        "logits were changed"
    );
    if before.iter().any(|v| !v.is_finite()) {
        assert_eq!((id, best, greedy), (NOT_FINITE, NOT_FINITE, NOT_FINITE));
        return;
    }
    assert!((id as usize) < elements && (greedy as usize) < elements);
    let largest = before.iter().copied().fold(f32::MIN, f32::max);
    assert_eq!(before[best as usize], largest);
    assert_eq!(before.iter().position(|v| *v == largest), Some(best as usize));
    if recents == 0 {
        assert_eq!(greedy, best);
        // what differs by less than a weight's last bits counts as equal
        let exponent = |v: f32| (v - largest) / temperature.max(f64::from(f32::MIN_POSITIVE)) as f32;
        let places_above = before
            .iter()
            .filter(|v| exponent(**v) > exponent(before[id as usize]) + 1e-4)
            .count();
        assert!(places_above < top_k, "a token beyond the first {top_k}");
    }
});
