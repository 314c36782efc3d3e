// y = x W^T + bias with 8-bit weights in blocks of 32.
#import linear
#import packed_q8
#if TILED
#import linear_tiled
#else
#import linear_few
#endif
