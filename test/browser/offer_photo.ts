import type { Page } from "npm:playwright-core@1.65.1";

/** Drops or pastes a photo, named after the way it comes, and waits until the page shows it. */
export async function offerPhoto(page: Page, kind: "drop" | "paste", bytes: Uint8Array): Promise<void> {
  await page.evaluate(({ kind, bytes }) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(bytes)], `${kind}.jpg`, { type: "image/jpeg" }));
    const event = kind === "drop"
      ? new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true })
      : new ClipboardEvent("paste", { clipboardData: dataTransfer, bubbles: true });
    document.querySelector("#picker")!.dispatchEvent(event);
  }, { kind, bytes: [...bytes] });
  await page.getByAltText(`Your photo, ${kind}.jpg`).waitFor();
}
