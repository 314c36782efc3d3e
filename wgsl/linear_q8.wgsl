// y = x W^T + bias with 8-bit weights in blocks of 32.
#import linear
#import packed_q8
#import linear_of_records
