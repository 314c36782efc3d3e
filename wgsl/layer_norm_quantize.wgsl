// The records of what layer_norm gives.
#import layer_norm_body
