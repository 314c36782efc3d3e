import { LorisError } from "../../sdk/errors.ts";
import type { LogEntry } from "./log.ts";
import type { RemoteImageOptions } from "./remote_image.ts";

/** What users of the page are told of the model. */
export interface ModelCard {
  /** Plain text: what is not to be expected of it. */
  readonly limits: string;
  /** That it was made for; the page offers them. */
  readonly questions?: readonly string[];
}

/** How the service behaves. Everything may be left out. */
export interface ServiceOptions<Env extends object = object> {
  /** The model's name in `GET /v1/models` and in answers; "loris". */
  readonly modelId?: string;
  /** Shown by the page. */
  readonly modelCard?: ModelCard;
  /** False refuses requests for a model of another name; true, the default, answers them, for there is one model alone. */
  readonly acceptAnyModel?: boolean;
  /**
   * Keys of which a request must bring one, as `Authorization: Bearer KEY`; or what finds them in the runtime's bindings.
   * Without this the service is open. `/`, `/health` and `/openapi.json` never ask for one.
   */
  readonly apiKeys?: readonly string[] | ((env: Env) => readonly string[]);
  /** Origins whose pages may call: "*" for all, or a list such as "https://example.com"; none if left out. */
  readonly corsOrigins?: "*" | readonly string[];
  /** Requests that may wait besides those being computed; more are refused with 429. 16. */
  readonly maxWaiting?: number;
  /** From a request's arrival to its last byte; 120,000. */
  readonly requestTimeoutMs?: number;
  /** Of one request; 32 MiB. */
  readonly maxBodyBytes?: number;
  /** Bodies of all requests together; more are refused with 429, but for a single one. 64 MiB. */
  readonly maxHeldBytes?: number;
  /** Compressed, of one picture; 20 MiB. The captioner's own limit holds besides. */
  readonly maxImageBytes?: number;
  /** Pictures of one request; 16. */
  readonly maxImages?: number;
  /** The most tiles of one picture, the overview included; 17. */
  readonly maxTiles?: number;
  /** The largest `n`; 8. */
  readonly maxChoices?: number;
  /** Allows pictures by https URL; without it they must be data URLs. */
  readonly remoteImages?: RemoteImageOptions;
  /** Ends running requests with its reason, and refuses new ones. */
  readonly shutdown?: AbortSignal;
  /** Gets an entry for every request; none holds a text or picture of a user. */
  readonly log?: (entry: LogEntry) => void;
}

const MIB = 2 ** 20;
const DEFAULTS = {
  modelId: "loris",
  acceptAnyModel: true,
  maxWaiting: 16,
  requestTimeoutMs: 120_000,
  maxBodyBytes: 32 * MIB,
  maxHeldBytes: 64 * MIB,
  maxImageBytes: 20 * MIB,
  maxImages: 16,
  maxTiles: 17,
  maxChoices: 8,
};

/** The longest time that timers of every runtime can take. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Options with their defaults. */
export type Settings = Readonly<typeof DEFAULTS> & ServiceOptions<never>;

/** @throws {LorisError} `argument_invalid` naming the option that is out of its bounds. */
export function checkedOptions<Env extends object>(options: ServiceOptions<Env>): Settings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings = { ...DEFAULTS, ...given } as Settings;
  for (const [name, initial] of Object.entries(DEFAULTS)) {
    if (typeof initial !== "number") continue;
    const value = settings[name as keyof Settings] as number;
    const [min, max] = [name === "maxWaiting" ? 0 : 1, name.endsWith("Ms") ? MAX_TIMER_MS : Infinity];
    if (Number.isSafeInteger(value) && value >= min && value <= max) continue;
    fail(name, `is ${value}, it must be a whole number from ${min}${max === Infinity ? "" : ` to ${max}`}`);
  }
  const { apiKeys, corsOrigins } = settings;
  if (
    Array.isArray(apiKeys) && (apiKeys.length === 0 || apiKeys.some((key) => typeof key !== "string" || key === ""))
  ) {
    fail("apiKeys", "must be a list of at least one text that is not empty; leave it out for an open service");
  }
  if (corsOrigins !== undefined && corsOrigins !== "*" && !Array.isArray(corsOrigins)) {
    fail("corsOrigins", `is ${JSON.stringify(corsOrigins)}, it must be "*" or a list of origins`);
  }
  return settings;
}

function fail(param: string, message: string): never {
  throw new LorisError("argument_invalid", `${param} ${message}`, { param });
}
