// Vectors of a KV store on the GPU: [kv head][capacity] { elements [head width] }, and before them, of 8 bits, their
// scale as an f32. Keys and values alike, unlike on the CPU: lanes side by side read what lies side by side.

// Elements are read and written four at a time.
const FOURS = HEAD_WIDTH / 4u;
#if Q8
const SCALE_WORDS = 1u;
const FOUR_WORDS = 1u;
#else
const SCALE_WORDS = 0u;
#if F16
const FOUR_WORDS = 2u;
#else
const FOUR_WORDS = 4u;
#endif
#endif
const VECTOR_WORDS = SCALE_WORDS + FOURS * FOUR_WORDS;
