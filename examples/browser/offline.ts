/** Whether the page's own files are here, so that it opens without a network. */
export interface KeptPage {
  readonly kept: boolean;
  /** Why they never will be. */
  readonly problem?: string;
}

/** Registers the service worker, and waits until it has them. */
export async function keepPage(): Promise<KeptPage> {
  if (!("serviceWorker" in navigator)) return { kept: false, problem: "this browser offers no service worker here" };
  try {
    await navigator.serviceWorker.register("service_worker.js");
    await navigator.serviceWorker.ready;
    return { kept: true };
  } catch (error) {
    return { kept: false, problem: error instanceof Error ? error.message : String(error) };
  }
}
