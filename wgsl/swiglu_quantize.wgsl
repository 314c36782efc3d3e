// The records of what swiglu gives: rows of f32 as they are.
#import swiglu_body
