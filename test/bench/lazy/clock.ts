import process from "node:process";

/** Milliseconds since some moment. */
export type Clock = () => number;

/**
 * `wall`: the time that passes. `cpu`: the time that this process computes, its other threads included (they rest once the
 * engine has compiled what is hot); on a machine that others use as well it tells more.
 */
export const CLOCKS = {
  wall: () => performance.now(),
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
} as const satisfies Record<string, Clock>;
export type ClockName = keyof typeof CLOCKS;

/** @throws {RangeError} for another name. */
export function clockName(name: string): ClockName {
  if (Object.hasOwn(CLOCKS, name)) return name as ClockName;
  throw new RangeError(`--clock is "${name}", it may be ${Object.keys(CLOCKS).join(" or ")}`);
}
