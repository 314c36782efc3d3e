/** Points of a work at which it can be disturbed, each told of by its number. */
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import { Pacer } from "../../sdk/model/pacer.ts";

/** Calls `onPoint` with the number of each point that `work` comes to. */
export type Points = <T>(onPoint: (index: number) => void, work: () => Promise<T>) => Promise<T>;

/**
 * Every await of a promise in `work`, its own and those of all it calls.
 *
 * `await` looks up the constructor of the promise that it is given (ECMA-262, PromiseResolve), and so does `then`
 * (SpeciesConstructor): an accessor in its place sees all of them, just before the function stops there.
 */
export const everyAwait: Points = async (onPoint, work) => {
  const prototype = Promise.prototype;
  const original = Object.getOwnPropertyDescriptor(prototype, "constructor")!;
  const point = counted(onPoint);
  Object.defineProperty(prototype, "constructor", {
    configurable: true,
    get() {
      point();
      return Promise;
    },
  });
  try {
    return await work();
  } finally {
    Object.defineProperty(prototype, "constructor", original);
  }
};

/** As {@link everyAwait}, where the event loop has a turn after each layer, for which a real one computes for 20 ms. */
export const everyAwaitOfLayers: Points = async (onPoint, work) => {
  const { due } = Pacer.prototype;
  Pacer.prototype.due = () => true;
  try {
    return await everyAwait(onPoint, work);
  } finally {
    Pacer.prototype.due = due;
  }
};

/** Every call of an operation of the backend on the CPU. */
export const everyOperation: Points = async (onPoint, work) => {
  const point = counted(onPoint);
  const prototype = WasmBackend.prototype;
  const originals = Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([name, { value }]) => typeof value === "function" && name !== "constructor");
  for (const [name, original] of originals) {
    const { value } = original as { value: (...args: unknown[]) => unknown };
    Object.defineProperty(prototype, name, {
      ...original,
      value(...args: unknown[]) {
        point();
        return value.apply(this, args);
      },
    });
  }
  try {
    return await work();
  } finally {
    for (const [name, original] of originals) Object.defineProperty(prototype, name, original);
  }
};

/** What is done at a point may come to others, which are not the work's. */
function counted(onPoint: (index: number) => void): () => void {
  let [index, inside] = [0, false];
  return () => {
    if (inside) return;
    inside = true;
    try {
      onPoint(index++);
    } finally {
      inside = false;
    }
  };
}
