// y = x W^T + bias with 4-bit weights with a minimum in blocks of 32.
#import linear
#import packed_q4_min
#if TILED
#import linear_tiled
#else
#import linear_few
#endif
