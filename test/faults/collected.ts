/** Whether the WebAssembly memories that work made are given back when it has ended. */
import v8 from "node:v8";
import vm from "node:vm";

v8.setFlagsFromString("--expose-gc");
const gc = vm.runInNewContext("gc") as () => void;

/** Collections after which what is still there is held by somebody. */
const MOST_COLLECTIONS = 20;

/** Runs `work`; returns how many memories it made, and how many of them are still held once it has ended. */
export async function memoriesHeld(work: () => Promise<void>): Promise<{ made: number; held: number }> {
  const made: WeakRef<WebAssembly.Memory>[] = [];
  const Original = WebAssembly.Memory;
  WebAssembly.Memory = class extends Original {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      made.push(new WeakRef(this));
    }
  };
  try {
    await work();
  } finally {
    WebAssembly.Memory = Original;
  }
  const held = () => made.filter((memory) => memory.deref()).length;
  for (let i = 0; i < MOST_COLLECTIONS && held() > 0; i++) {
    // a weak reference holds what it gave until the task ends
    await new Promise((resolve) => setTimeout(resolve, 0));
    gc();
  }
  return { made: made.length, held: held() };
}
