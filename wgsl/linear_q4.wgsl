// y = x W^T + bias with 4-bit weights in blocks of 32.
#import linear
#import packed_q4
#import linear_of_records
