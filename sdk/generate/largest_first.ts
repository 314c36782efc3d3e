/**
 * Gives ids in the order of their weights, the largest first and of equal ones the lower id, for as many as are asked: a
 * binary heap, so that the first few of a large vocabulary cost far less than sorting it. Allocates nothing after its
 * making.
 */
export class LargestFirst {
  readonly #heap: Uint32Array;
  #size = 0;
  #weights: ArrayLike<number> = [];

  constructor(count: number) {
    this.#heap = new Uint32Array(count);
  }

  /** Begins anew with these weights, one for each id; they must stay as they are until the last `next()`. */
  start(weights: ArrayLike<number>): void {
    this.#weights = weights;
    this.#size = this.#heap.length;
    for (let id = 0; id < this.#size; id++) this.#heap[id] = id;
    for (let at = (this.#size >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** Takes the next id; to be asked at most once for each. */
  next(): number {
    const first = this.#heap[0]!;
    this.#heap[0] = this.#heap[--this.#size]!;
    this.#sink(0);
    return first;
  }

  #sink(at: number): void {
    const heap = this.#heap;
    const id = heap[at]!;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, id)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = id;
  }

  #before(a: number, b: number): boolean {
    const difference = this.#weights[a]! - this.#weights[b]!;
    return difference > 0 || (difference === 0 && a < b);
  }
}
