const DATE = String.raw`[1-9]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)` +
  String.raw`|02-(?:0[1-9]|1\d|2[0-8]))`;
const HOUR_MINUTE = String.raw`(?:[01]\d|2[0-3]):[0-5]\d`;
const TIME = String.raw`${HOUR_MINUTE}:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-]${HOUR_MINUTE})`;
const BYTE = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";

/**
 * Values of `format` as patterns. Each takes texts of the format only, but not all of them: no 29th of February, which is not
 * in every year, and no address of mail with quotes or foreign letters.
 */
export const FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", `^${DATE}$`],
  ["time", `^${TIME}$`],
  ["date-time", `^${DATE}T${TIME}$`],
  ["uuid", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"],
  ["ipv4", String.raw`^${BYTE}(?:\.${BYTE}){3}$`],
  ["email", String.raw`^[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@${LABEL}(?:\.${LABEL})+$`],
]);
