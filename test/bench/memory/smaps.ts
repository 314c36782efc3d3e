/** What is resident of a process, by what it is, in bytes. */
export interface ResidentParts {
  /** The runtime's own files, as far as they were touched. */
  readonly program: number;
  /** Machine code that was made while it ran. */
  readonly code: number;
  /** The model's memory: weights, caches, activations. */
  readonly model: number;
  /** Everything else: the engine's heap, the allocator's memory, the picture decoder's. */
  readonly rest: number;
}

/**
 * @param smaps Linux's `/proc/PID/smaps`.
 * @param modelBytes Size of the model's memory: the mapping is known by it.
 */
export function residentParts(smaps: string, modelBytes: number): ResidentParts {
  const parts = { program: 0, code: 0, model: 0, rest: 0 };
  for (const mapping of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const head = /^[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ \S+ *(.*)$/m.exec(mapping);
    if (!head) continue;
    const [, permissions, file] = head as unknown as [string, string, string];
    const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(mapping)?.[1] ?? 0) * 1024;
    const size = bytes("Size");
    const kind = file.startsWith("/")
      ? "program"
      : permissions.includes("x")
      ? "code"
      : size >= modelBytes && size < modelBytes + SLACK
      ? "model"
      : "rest";
    parts[kind] += bytes("Rss");
  }
  return parts;
}

/** What a mapping may have beside the memory in it. */
const SLACK = 1 << 20;
