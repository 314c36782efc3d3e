/** True in Cloudflare's workerd, where a request may touch nothing that another one's I/O is bound to. */
export const ON_CLOUDFLARE: boolean = globalThis.navigator?.userAgent === "Cloudflare-Workers";
