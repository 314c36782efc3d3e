import { PAGE } from "./generated/page.ts";

/** The page with its policy: nothing from elsewhere, and just the style and the script that it was made with. */
export function pageResponse(): Response {
  return new Response(PAGE.html, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "content-security-policy": [
        "default-src 'none'",
        `script-src '${PAGE.scriptHash}'`,
        `style-src '${PAGE.styleHash}'`,
        "connect-src 'self'",
        // the icon, and photos that have not left the browser
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
      ].join("; "),
    },
  });
}
