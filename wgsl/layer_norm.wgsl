// dst = (x - mean) / sqrt(variance + eps) * weight + bias, row by row (Ba et al., arXiv 1607.06450).
#import layer_norm_body
