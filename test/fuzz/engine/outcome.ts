/** What came of running a target, whoever ran it. */

/** Where a run stands. */
export interface Progress {
  readonly executions: number;
  /** Of a processor's time: a machine has other work as well. */
  readonly cpuSeconds: number;
  /** Branches that were taken, of all that there are; 0 where nothing counts them. */
  readonly covered: number;
  readonly edges: number;
  /** Inputs that were kept. */
  readonly corpus: number;
}

/** An input of which something does not hold. */
export interface Finding {
  readonly input: Uint8Array;
  readonly what: string;
}

export interface Outcome extends Progress {
  readonly findings: readonly Finding[];
}

/** When a run ends: whichever is reached first. Seeds are run in any case. */
export interface Budget {
  readonly seed: number;
  readonly runs: number;
  readonly seconds: number;
}
