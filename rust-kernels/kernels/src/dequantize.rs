pub unsafe fn dequantize(_: *mut f32, _: *const u8, _: usize, _: u32) -> u32 {
    0
}
