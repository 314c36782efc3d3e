// The records of what rms_norm gives.
#import rms_norm_body
