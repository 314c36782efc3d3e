//! Any bytes as weights of any type, into any format: refused, or packed weights that are finite and what was in the file,
//! exactly where the format holds the type; a product of them is what a sum over them is.
#![no_main]
use libfuzzer_sys::fuzz_target;
use loris_fuzz::buffer::{ordinary, Buffer};
use loris_fuzz::input::Tail;
use loris_kernels::activation::{activation_row_bytes, blocks, quantize, BLOCK};
use loris_kernels::dequantize::dequantize;
use loris_kernels::embed::embed;
use loris_kernels::half::to_f32;
use loris_kernels::linear_float::{linear_f16, linear_f32};
use loris_kernels::linear_q4::{linear_q4, linear_q4_min};
use loris_kernels::linear_q8::linear_q8;
use loris_kernels::pack::{pack, pack_scratch, packed_group_bytes, Format, GROUP, NOT_FINITE, PACKED, UNKNOWN_TYPE};

/// ggml's number, values and bytes of a block.
const TYPES: [(u32, usize, usize); 12] = [
    (0, 1, 4),
    (1, 1, 2),
    (2, 32, 18),
    (3, 32, 20),
    (6, 32, 22),
    (7, 32, 24),
    (8, 32, 34),
    (12, 256, 144),
    (13, 256, 176),
    (14, 256, 210),
    (20, 32, 18),
    (30, 1, 2),
];
const FORMATS: [Format; 5] = [Format::F32, Format::F16, Format::Q8, Format::Q4, Format::Q4Min];
/// Scales are stored times 256 in 16 bits of a float, and the largest of those is 65504.
const MOST_SCALE: f32 = 255.0;

/// What may be lost of a value of a block whose values lie between `low` and `high`.
fn loss(format: Format, low: f32, high: f32) -> f32 {
    let most = low.abs().max(high.abs());
    // steps between the scales that are no normal numbers, times what they are multiplied by
    let tiny = 4e-6;
    match format {
        Format::F32 => 0.0,
        Format::F16 => most / 1024.0 + tiny,
        Format::Q8 => most / 127.0 + tiny,
        Format::Q4 => most / 4.0 + tiny,
        Format::Q4Min => (high - low) / 15.0 + most / 512.0 + tiny,
    }
}

/// True where packing changes nothing but places.
fn is_exact(ggml_type: u32, format: Format) -> bool {
    matches!(
        (ggml_type, format),
        (0, Format::F32) | (2, Format::Q4) | (3, Format::Q4Min) | (8 | 6 | 20, Format::Q8)
    )
}

fuzz_target!(|data: &[u8]| {
    let mut tail = Tail(data);
    let (ggml_type, block, block_bytes) = TYPES[tail.between(0, TYPES.len() - 1)];
    let format = FORMATS[tail.between(0, FORMATS.len() - 1)];
    let rows = tail.between(1, 20);
    let width = block * tail.between(1, if block == 1 { 80 } else { 4 });
    let inputs = tail.between(1, 3);
    let claimed_type = if tail.byte() == 0 { 99 } else { ggml_type };
    let row_bytes = width / block * block_bytes;

    let src = Buffer::bytes(rows * row_bytes, tail.0);
    let dst = Buffer::bytes(rows.div_ceil(GROUP) * packed_group_bytes(width, format), &[0xa5]);
    let scratch = Buffer::floats(pack_scratch(width), &[]);
    // SAFETY: every buffer is of the size that the operation's page asks for.
    unsafe {
        let outcome = pack(
            dst.at(),
            src.at(),
            rows,
            width,
            row_bytes,
            claimed_type,
            format,
            scratch.at(),
        );
        if claimed_type == 99 {
            assert_eq!(outcome, UNKNOWN_TYPE);
            return;
        }
        let file = Buffer::floats(rows * width, &[]);
        assert_eq!(dequantize(file.at(), src.at(), rows * width, ggml_type), 1);
        let wanted = file.values();
        let usual = wanted.iter().all(|v| v.is_finite() && v.abs() < MOST_SCALE);
        if outcome != PACKED {
            assert_eq!(outcome, NOT_FINITE);
            // a block of small values may still have a scale and a minimum that are large
            assert!(!usual || block > 1, "ordinary weights were refused");
            return;
        }
        let ids: Vec<u8> = (0..rows as u32).flat_map(u32::to_le_bytes).collect();
        let ids = Buffer::bytes(ids.len(), &ids);
        let got = Buffer::floats(rows * width, &[]);
        embed(got.at(), dst.at(), ids.at(), rows, width, format);
        let got = got.values();
        assert!(got.iter().all(|v| v.is_finite()), "a weight is not finite");
        if is_exact(ggml_type, format) {
            assert_eq!(got, wanted);
        } else if usual {
            for r in 0..rows {
                for b in 0..blocks(width) {
                    let of = r * width + b * BLOCK..r * width + width.min((b + 1) * BLOCK);
                    let values = &wanted[of.clone()];
                    // a block that is not full is filled up with zeros
                    let (low, high) = if values.len() < BLOCK {
                        (0.0, 0.0)
                    } else {
                        (f32::MAX, f32::MIN)
                    };
                    let (low, high) = values.iter().fold((low, high), |(l, h), &v| (v.min(l), v.max(h)));
                    let rounded = if (ggml_type, format) == (12, Format::Q4Min) {
                        // its scales and minimums are products, of which the difference may be anything
                        let superblock = src.at::<u8>().add(r * row_bytes + b / 8 * block_bytes) as *const u16;
                        let (d, d_min) = (to_f32(*superblock).abs(), to_f32(*superblock.add(1)).abs());
                        63.0 * (15.0 * d + d_min) / 1024.0
                    } else {
                        0.0
                    };
                    let most = loss(format, low, high) + rounded;
                    for (g, w) in got[of].iter().zip(values) {
                        assert!(
                            (g - w).abs() <= most,
                            "{w} of type {ggml_type} became {g} in {format:?}, allowed {most}"
                        );
                    }
                }
            }
        }

        let x = ordinary(tail.0, inputs * width);
        let (x_buffer, records) = (Buffer::of(&x), Buffer::bytes(inputs * activation_row_bytes(width), &[]));
        quantize(records.at(), x_buffer.at(), inputs, width);
        let product = Buffer::floats(inputs * rows, &[]);
        let (to, weight, bias) = (product.at::<f32>(), dst.at::<u8>(), std::ptr::null());
        match format {
            Format::F32 => linear_f32(to, x_buffer.at(), weight, bias, inputs, width, rows, rows, 0),
            Format::F16 => linear_f16(to, x_buffer.at(), weight, bias, inputs, width, rows, rows, 0),
            Format::Q8 => linear_q8(to, records.at(), weight, bias, inputs, width, rows, rows, 0, 0),
            Format::Q4 => linear_q4(to, records.at(), weight, bias, inputs, width, rows, rows, 0, 0),
            Format::Q4Min => linear_q4_min(to, records.at(), weight, bias, inputs, width, rows, rows, 0, 0),
        }
        for (i, value) in product.values().into_iter().enumerate() {
            let (r, c) = (i / rows, i % rows);
            let terms = (0..width).map(|k| f64::from(x[r * width + k]) * f64::from(got[c * width + k]));
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()));
            assert!(
                (f64::from(value) - sum).abs() <= size * 1e-5 + 1e-30 || size > 1e37,
                "a product of {value} for a sum of {sum}"
            );
        }
    }
});
