// A packed matrix of the format that a constant tells.
// here, since what is imported within a condition counts as imported
#import halves
#import nibbles
#if F32
#import packed_f32
#endif
#if F16
#import packed_f16
#endif
#if Q8
#import packed_q8
#endif
#if Q4
#import packed_q4
#endif
#if Q4_MIN
#import packed_q4_min
#endif
