// y = x W^T + bias with f32 weights.
#import linear
#import packed_f32
#import input_f32
#if TILED
#import linear_tiled
#else
#import linear_few
#endif
