// Rows of values into slots of a layer's store, which is of the shape that keys have.
#import store
