/** In which order things take turns. */
import { Random } from "../../../sdk/generate/random.ts";

/**
 * The numbers from 0 to below `count` in an order by chance, the same for the same round: what stands first in a round, or
 * after a certain other thing, must not always be the same.
 */
export function orderOf(count: number, round: number): number[] {
  const random = new Random(round);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(random.uniform() * (i + 1));
    [order[i], order[other]] = [order[other]!, order[i]!];
  }
  return order;
}
