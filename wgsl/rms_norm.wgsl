// dst = x / sqrt(mean(x^2) + eps) * weight, row by row (Zhang and Sennrich 2019, arXiv 1910.07467).
#import rms_norm_body
