// y = x W^T + bias with f16 weights.
#import linear
#import packed_f16
#import input_f32
#if TILED
#import linear_tiled
#else
#import linear_few
#endif
