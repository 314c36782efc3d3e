/** The low and the high 32 bits of a whole number from 0 to 2^53 - 1. */
function words(seed: number): [number, number] {
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}

/**
 * Uniform random numbers: sfc32 (Chris Doty-Humphrey's Small Fast Counting generator, 128 bits of state, from PractRand),
 * its state filled by splitmix32 from the seed and its first 12 values dropped, as its author advises.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed A whole number from 0 to 2^53 - 1; the same seed gives the same numbers on every machine. */
  constructor(seed: number) {
    const [low, high] = words(seed);
    let state = low;
    const next = () => {
      state = (state + 0x9e3779b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return z ^ (z >>> 16);
    };
    this.#a = next();
    this.#b = next() ^ high;
    this.#c = next();
    for (let i = 0; i < 12; i++) this.#word();
  }

  /** @returns a number from 0 up to but not including 1, in steps of 2^-53. */
  uniform(): number {
    const high = this.#word() >>> 5;
    const low = this.#word() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  #word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}
