// Rows of keys into slots of a layer's store.
#import store
