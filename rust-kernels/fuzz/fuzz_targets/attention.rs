//! Keys and values into stores of every format, and rows that look at them: what comes out lies among the values.
#![no_main]
use libfuzzer_sys::fuzz_target;
use loris_fuzz::buffer::{ordinary, Buffer};
use loris_fuzz::input::Tail;
use loris_kernels::attention::{attention, attention_probabilities, attention_scratch};
use loris_kernels::attention_received::attention_received;
use loris_kernels::kv_store::{store_keys, store_values, vector_bytes, GROUP, Q8};

fuzz_target!(|data: &[u8]| {
    let mut tail = Tail(data);
    let format = tail.between(0, Q8 as usize) as u32;
    let (rows, past) = (tail.between(1, 6), tail.between(0, 12));
    let (kv_heads, shared) = (tail.between(1, 2), tail.between(1, 3));
    let head_width = 8 * tail.between(1, 3);
    let causal = past == 0 || tail.byte() % 2 == 0;
    let hostile = tail.byte() == 0;
    let heads = kv_heads * shared;
    let positions = past + if causal { rows } else { 0 };
    let capacity = positions.next_multiple_of(GROUP);
    let stride = kv_heads * head_width + tail.between(0, 1) * 8;

    let store_bytes = kv_heads * capacity * vector_bytes(head_width, format);
    let (keys, values) = (Buffer::bytes(store_bytes, &[]), Buffer::bytes(store_bytes, &[]));
    let x = if hostile {
        Buffer::floats(positions * stride, tail.0)
    } else {
        Buffer::of(&ordinary(tail.0, positions * stride))
    };
    let q = Buffer::of(&ordinary(tail.0, rows * heads * head_width));
    let dst = Buffer::floats(rows * heads * head_width, &[0xff]);
    let scratch = Buffer::floats(attention_scratch(positions, head_width), &[]);
    let kept = Buffer::floats(attention_probabilities(rows, heads, kv_heads, positions), &[]);
    let received = Buffer::floats(heads * positions, &[]);
    // SAFETY: every buffer is of the size that the operation's page asks for.
    unsafe {
        for slot in 0..positions {
            let row = x.at::<f32>().add(slot * stride);
            store_keys(keys.at(), row, slot, 1, kv_heads, head_width, stride, capacity, format);
            store_values(
                values.at(),
                row,
                slot,
                1,
                kv_heads,
                head_width,
                stride,
                capacity,
                format,
            );
        }
        for reuse in 0..2 {
            attention(
                dst.at(),
                q.at(),
                keys.at(),
                values.at(),
                scratch.at(),
                rows,
                heads,
                kv_heads,
                head_width,
                capacity,
                past,
                u32::from(causal),
                format,
                kept.at(),
                reuse,
                std::ptr::null(),
                0,
                std::ptr::null(),
                0,
            );
            if hostile {
                continue;
            }
            let values = x.values();
            let most = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert!(
                dst.values().iter().all(|v| v.abs() <= most * 1.02),
                "a mean of values is larger than all of them"
            );
        }
        attention_received(received.at(), kept.at(), rows, heads, kv_heads, past, u32::from(causal));
    }
    if !hostile {
        let sum: f32 = received.values().iter().sum();
        assert!(
            (sum - (rows * heads) as f32).abs() < 1e-2 * (rows * heads) as f32,
            "{sum} of {rows} x {heads}"
        );
    }
});
