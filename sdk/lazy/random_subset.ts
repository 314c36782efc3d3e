/** Uniform numbers from 0 up to but not including 1. */
export interface RandomNumbers {
  /** The next one. */
  uniform(): number;
}

/** `count` of the items, every choice as likely; the same numbers give the same choice. In no order to rely on. */
export function randomSubset<T>(items: readonly T[], count: number, random: RandomNumbers): T[] {
  const shuffled = [...items];
  // the first steps of a Fisher-Yates shuffle
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(random.uniform() * (shuffled.length - i));
    [shuffled[i], shuffled[other]] = [shuffled[other]!, shuffled[i]!];
  }
  return shuffled.slice(0, count);
}
