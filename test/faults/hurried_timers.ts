/** Timers that go off soon where a test says so: no test waits for a timeout that users have, and none is over too early. */

/** What is left of a hurried timer's time. */
const SOON_MS = 20;

type Id = ReturnType<typeof setTimeout>;

interface Timer {
  readonly ms: number;
  readonly run: () => void;
  real?: Id;
}

/**
 * Runs `work`. From the call of `hurry(ms)` on, timers of just so many milliseconds go off soon, those that are set already
 * too; from `hurry()` on none does.
 */
export async function hurriedTimers(work: (hurry: (ms?: number) => void) => Promise<void>): Promise<void> {
  const { setTimeout, clearTimeout } = globalThis;
  const timers = new Map<Id, Timer>();
  let hurried: number | undefined;
  const start = ({ ms, run }: Timer) => setTimeout(run, ms === hurried ? SOON_MS : ms);
  const replacements = {
    setTimeout(run: () => void, ms: number): Id {
      const timer: Timer = { ms, run };
      const id = timer.real = start(timer);
      timers.set(id, timer);
      return id;
    },
    clearTimeout(id: Id): void {
      clearTimeout(timers.get(id)?.real ?? id);
      timers.delete(id);
    },
  };
  Object.assign(globalThis, replacements);
  try {
    await work((ms) => {
      hurried = ms;
      for (const timer of timers.values()) {
        if (timer.ms !== ms) continue;
        clearTimeout(timer.real);
        timer.real = start(timer);
      }
    });
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}
