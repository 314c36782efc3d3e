// The records of what layer_norm gives: rows of f32 as they are.
#import layer_norm_body
