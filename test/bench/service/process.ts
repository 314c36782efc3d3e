/** Linux counts a process's time in hundredths of a second, whatever the machine (`USER_HZ`). */
const TICK_MS = 10;

/** Milliseconds that a process has computed, all its threads together; undefined where the system does not tell. */
export async function cpuMsOf(pid: number): Promise<number | undefined> {
  return cpuMs(await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => ""));
}

/** What `/proc/PID/stat` says of a process's time: `utime` and `stime`, its fields 14 and 15. */
export function cpuMs(stat: string): number | undefined {
  // the second field is a name in brackets, which may hold anything
  const fields = stat.slice(stat.lastIndexOf(")") + 1).trim().split(" ");
  const ms = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  return Number.isNaN(ms) ? undefined : ms;
}
