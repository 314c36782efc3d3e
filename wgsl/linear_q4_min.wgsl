// y = x W^T + bias with 4-bit weights with a minimum in blocks of 32.
#import linear
#import packed_q4_min
#import linear_of_records
