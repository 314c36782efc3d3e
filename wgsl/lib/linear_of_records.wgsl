// What follows the packed format where a product reads records: these, and the ways for many rows and for few.
#if RECORDS_I8
#import input_i8
#else
#import input_f32
#endif
#if TILED
#if RECORDS_I8
#import linear_tiled_i8
#else
#if TILES_F16
#import linear_tiled_f16
#else
#import linear_tiled
#endif
#endif
#else
#import linear_few
#endif
