/** What the service's page and `examples/browser` both ask of the document. */

export const byId = <Name extends keyof HTMLElementTagNameMap>(id: string, _name: Name): HTMLElementTagNameMap[Name] =>
  document.getElementById(id) as HTMLElementTagNameMap[Name];

/** Takes files pasted or dropped anywhere on the page; while files hang over it, its body has the class `dragging`. */
export function onFilesOffered(take: (files: FileList | undefined) => void): void {
  document.addEventListener("paste", ({ clipboardData }) => take(clipboardData?.files));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (relatedTarget === null) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    take(event.dataTransfer?.files);
  });
}
