/** Registers the service worker. Told in words: whether the page opens without a network. */
export async function keepPage(tell: (words: string) => void): Promise<void> {
  if (!("serviceWorker" in navigator)) return tell("no: this browser offers no service worker here");
  try {
    await navigator.serviceWorker.register("service_worker.js");
    tell("the page is being kept");
    await navigator.serviceWorker.ready;
    tell("the page is kept");
  } catch (error) {
    tell(`no: ${error instanceof Error ? error.message : error}`);
  }
}
