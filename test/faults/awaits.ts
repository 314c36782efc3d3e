/**
 * Calls `onAwait` with the number of every await while `work` runs, its own and those of all it calls.
 *
 * `await` looks up the constructor of each promise that it is given (ECMA-262, PromiseResolve), and so does `then`
 * (SpeciesConstructor): an accessor in its place sees all of them, just before the function stops there.
 */
export async function everyAwait<T>(onAwait: (index: number) => void, work: () => Promise<T>): Promise<T> {
  const prototype = Promise.prototype;
  const original = Object.getOwnPropertyDescriptor(prototype, "constructor")!;
  let [index, inside] = [0, false];
  Object.defineProperty(prototype, "constructor", {
    configurable: true,
    get() {
      // what is done at an await may await as well, and is not the work's
      if (!inside) {
        inside = true;
        try {
          onAwait(index++);
        } finally {
          inside = false;
        }
      }
      return Promise;
    },
  });
  try {
    return await work();
  } finally {
    Object.defineProperty(prototype, "constructor", original);
  }
}
