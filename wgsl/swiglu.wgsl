// dst = silu(gate) * up (Shazeer, arXiv 2002.05202); dst may be gate.
#import swiglu_body
