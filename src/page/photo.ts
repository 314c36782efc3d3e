/** A photo as it is shown, and as it is sent. */
export interface Photo {
  /** Of the browser's own copy. */
  readonly shownUrl: string;
  /** Data URL of what is sent. */
  readonly sentUrl: string;
  readonly name: string;
  /** What is sent, for people. */
  readonly about: string;
}

/** A camera's photo has more pixels than models look at, and goes out again with every question. */
const MAX_BYTES = 1_500_000;
const MAX_EDGE = 1600;
const QUALITY = 0.9;

/** Reads a file, a large one in a smaller copy where the browser can make one. */
export async function readPhoto(file: File): Promise<Photo> {
  const smaller = file.size > MAX_BYTES ? await smallerCopy(file) : undefined;
  const sent = smaller?.blob ?? file;
  return {
    shownUrl: URL.createObjectURL(sent),
    sentUrl: await dataUrl(sent),
    name: file.name,
    about: smaller
      ? `${file.name}, sent as ${smaller.width} × ${smaller.height}, ${kilobytes(sent)} of ${kilobytes(file)}`
      : `${file.name}, ${kilobytes(sent)}`,
  };
}

/** Upright, on white, as a JPEG; undefined if the browser does not know the format: the service will say what it thinks of it. */
async function smallerCopy(file: File): Promise<{ blob: Blob; width: number; height: number } | undefined> {
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (!bitmap) return undefined;
  const scale = Math.min(1, MAX_EDGE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  if (!context) return undefined;
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  return blob && blob.size < file.size ? { blob, width: canvas.width, height: canvas.height } : undefined;
}

function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

function kilobytes({ size }: Blob): string {
  return `${Math.max(1, Math.round(size / 1000)).toLocaleString("en")} kB`;
}
