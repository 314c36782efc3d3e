//! What is made of rows one by one: norms, activations, rotary embedding, patches. Each touches its own memory alone, takes any
//! number, and gives finite ones for finite ones of an ordinary size.
#![no_main]
use libfuzzer_sys::fuzz_target;
use loris_fuzz::buffer::{ordinary, Buffer};
use loris_fuzz::input::Tail;
use loris_kernels::activation::{activation_row_bytes, quantize, rounding_error};
use loris_kernels::add::add;
use loris_kernels::gelu::gelu_quantize;
use loris_kernels::layer_norm::{layer_norm, layer_norm_quantize};
use loris_kernels::patches::patches;
use loris_kernels::pixel_shuffle::pixel_shuffle;
use loris_kernels::rms_norm::{rms_norm, rms_norm_quantize};
use loris_kernels::rope::rope;
use loris_kernels::swiglu::{swiglu, swiglu_quantize};

fuzz_target!(|data: &[u8]| {
    let mut tail = Tail(data);
    let operation = tail.between(0, 8);
    let (rows, width) = (tail.between(1, 9), tail.between(1, 70));
    let hostile = tail.byte() % 4 == 0;
    let make = |length: usize| {
        if hostile {
            Buffer::floats(length, tail.0)
        } else {
            Buffer::of(&ordinary(tail.0, length))
        }
    };
    let (x, other) = (make(rows * width), make(rows * width));
    let (weight, bias) = (make(width), make(width));
    let dst = Buffer::floats(rows * width, &[]);
    let records = Buffer::bytes(rows * activation_row_bytes(width), &[]);
    let eps = 1e-5;
    // SAFETY: every buffer is of the size that the operation's page asks for.
    let result = unsafe {
        match operation {
            0 => {
                rms_norm(dst.at(), x.at(), weight.at(), rows, width, eps);
                rms_norm_quantize(records.at(), x.at(), weight.at(), rows, width, eps);
                dst
            }
            1 => {
                layer_norm(dst.at(), x.at(), weight.at(), bias.at(), rows, width, eps);
                layer_norm_quantize(records.at(), x.at(), weight.at(), bias.at(), rows, width, eps);
                dst
            }
            2 => {
                gelu_quantize(records.at(), x.at(), rows, width);
                records
            }
            3 => {
                swiglu(dst.at(), x.at(), other.at(), rows * width);
                swiglu_quantize(records.at(), x.at(), other.at(), rows, width);
                dst
            }
            4 => {
                quantize(records.at(), x.at(), rows, width);
                rounding_error(dst.at(), x.at(), width);
                dst
            }
            5 => {
                add(dst.at(), x.at(), rows * width);
                dst
            }
            6 => {
                let (heads, head_width) = (1 + width % 3, 8);
                let stride = heads * head_width + width % 5;
                let (turned, turns) = (make(rows * stride), make(rows * head_width));
                rope(turned.at(), turns.at(), rows, heads, head_width, stride);
                turned
            }
            7 => {
                let (grid, patch) = (1 + rows % 4, 1 + width % 5);
                let size = grid * patch;
                let rgb = Buffer::bytes(size * size * 3, tail.0);
                let (mean, deviation) = (Buffer::of(&[0.5; 3]), Buffer::of(&[0.25; 3]));
                let pixels = Buffer::floats(size * size * 3, &[]);
                patches(pixels.at(), rgb.at(), size, patch, mean.at(), deviation.at());
                pixels
            }
            _ => {
                let (tokens, scale) = (1 + rows % 3, 1 + width % 3);
                let grid = tokens * scale;
                let values = make(grid * grid * width);
                let shuffled = Buffer::floats(grid * grid * width, &[]);
                pixel_shuffle(shuffled.at(), values.at(), grid, width, scale);
                shuffled
            }
        }
    };
    assert!(
        hostile || result.values().iter().all(|v| v.is_finite()),
        "operation {operation} made no number"
    );
});
