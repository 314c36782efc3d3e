// The records of what rms_norm gives: rows of f32 as they are.
#import rms_norm_body
