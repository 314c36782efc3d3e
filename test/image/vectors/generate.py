"""Pictures of every format and what Pillow makes of them. Pillow 13.0, numpy 2.x: python generate.py
Writes vectors.json: for each picture its bytes and the expected RGB (upright, on white), both in base64, and resize cases."""
import base64, io, json, struct, sys, zlib
import numpy as np
from PIL import Image, ImageOps
import PIL

b64 = lambda b: base64.b64encode(b).decode()
W, H = 19, 13

def scene(w=W, h=H, channels=3):
    y, x, c = np.mgrid[0:h, 0:w, 0:channels]
    smooth = 128 + 60 * np.sin(x / 5 + c) + 50 * np.cos(y / 4 - c)
    return np.clip(smooth, 0, 255).astype(np.uint8)

def white(im):
    im = ImageOps.exif_transpose(im)
    if im.mode == "I;16": im = Image.fromarray((np.array(im) >> 8).astype(np.uint8))
    rgba = im.convert("RGBA")
    base = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(base, rgba).convert("RGB")

cases = []
def add(name, data, tolerance=0, expected=None):
    im = expected if expected is not None else white(Image.open(io.BytesIO(data)))
    cases.append(dict(name=name, bytes=b64(data), width=im.width, height=im.height, tolerance=tolerance, rgb=b64(im.tobytes())))

def save(im, fmt, **k):
    b = io.BytesIO(); im.save(b, fmt, **k); return b.getvalue()

rgb = Image.fromarray(scene()); gray = Image.fromarray(scene(channels=1)[:, :, 0])
alpha = np.dstack([scene(), np.linspace(0, 255, W * H).reshape(H, W).astype(np.uint8)]); rgba = Image.fromarray(alpha)
la = Image.merge("LA", (gray, rgba.getchannel("A")))

def exif(o, big=False):
    e = ">" if big else "<"
    t = (b"MM" if big else b"II") + struct.pack(e + "HIHHHII", 42, 8, 1, 0x112, 3, 1, o << 16 if big else o)
    return b"Exif\0\0" + t + b"\0\0\0\0"

# JPEG: decoders may differ by a few steps in the inverse transform and in chroma upsampling
for sub, name in [(0, "444"), (1, "422"), (2, "420")]: add(f"jpeg {name}", save(rgb, "JPEG", quality=90, subsampling=sub), 8)
add("jpeg progressive", save(rgb, "JPEG", quality=90, progressive=True), 8)
add("jpeg gray", save(gray, "JPEG", quality=90), 3)
add("jpeg cmyk", save(rgb.convert("CMYK"), "JPEG", quality=95), 8)
for o in range(1, 9):
    for big in (False, True): add(f"jpeg orientation {o} {'MM' if big else 'II'}", save(rgb, "JPEG", quality=92, subsampling=0, exif=exif(o, big)), 8)
add("jpeg broken exif", save(rgb, "JPEG", quality=92, subsampling=0, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), 8, white(Image.open(io.BytesIO(save(rgb, "JPEG", quality=92, subsampling=0)))))

# PNG, exact: Pillow for what it writes, a writer of our own for the rest
add("png rgb", save(rgb, "PNG")); add("png rgba", save(rgba, "PNG"), 1); add("png gray", save(gray, "PNG")); add("png gray alpha", save(la, "PNG"), 1)
add("png palette", save(rgb.quantize(32), "PNG")); add("png palette tRNS", save(rgb.quantize(32), "PNG", transparency=3)); add("png 1 bit", save(gray.convert("1"), "PNG"))
def chunk(t, d): return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
def png(rows, w, h, depth, color, extra=b"", interlace=0):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, interlace)) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
def pack_bits(values, depth): return np.packbits(np.array([[v >> (depth - 1 - i) & 1 for i in range(depth)] for v in values]).reshape(-1)).tobytes()
for depth in (1, 2, 4):
    g = scene(channels=1)[:, :, 0] >> (8 - depth); rows = b"".join(b"\0" + pack_bits(r, depth) for r in g)
    want = Image.fromarray((g.astype(int) * 255 // (2 ** depth - 1)).astype(np.uint8)).convert("RGB")
    add(f"png gray {depth} bit", png(rows, W, H, depth, 0), 0, want)
    n = 2 ** depth; pal = np.array([[i * 50 % 256, 255 - i * 13, i * 97 % 256] for i in range(n)], np.uint8)
    add(f"png palette {depth} bit", png(rows, W, H, depth, 3, chunk(b"PLTE", pal.tobytes())), 0, Image.fromarray(pal[g]))
big = scene().astype(np.uint16) * 257
add("png rgb 16 bit", png(b"".join(b"\0" + r.astype(">u2").tobytes() for r in big), W, H, 16, 2), 0, rgb)
add("png gray 16 bit", png(b"".join(b"\0" + r.astype(">u2").tobytes() for r in big[:, :, 0]), W, H, 16, 0), 0, gray.convert("RGB"))
key = scene()[5, 7]; keyed = scene().copy(); keyed[(keyed == key).all(axis=2)] = 255
add("png rgb tRNS", png(b"".join(b"\0" + r.tobytes() for r in scene()), W, H, 8, 2, chunk(b"tRNS", struct.pack(">HHH", *map(int, key)))), 0, Image.fromarray(keyed))
adam = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
rows = b""
for x0, y0, dx, dy in adam:
    for r in scene()[y0::dy, x0::dx]:
        if r.size: rows += b"\0" + r.tobytes()
add("png interlaced", png(rows, W, H, 8, 2, interlace=1), 0, rgb)
for o in (3, 6, 8):
    e = exif(o)[6:]; d = png(b"".join(b"\0" + r.tobytes() for r in scene()), W, H, 8, 2, chunk(b"eXIf", e)); add(f"png orientation {o}", d)

# WebP
add("webp lossless", save(rgb, "WEBP", lossless=True)); add("webp lossless alpha", save(rgba, "WEBP", lossless=True, exact=True), 1)
add("webp lossy", save(rgb, "WEBP", quality=90), 6); add("webp lossy alpha", save(rgba, "WEBP", quality=90), 6)
add("webp orientation 6", save(rgb, "WEBP", lossless=True, exif=exif(6)))
frames = [rgb, ImageOps.mirror(rgb)]
add("webp animated: first frame", save(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, duration=100))
# GIF and BMP
add("gif", save(rgb.quantize(64), "GIF")); add("gif transparent", save(rgb.quantize(16), "GIF", transparency=2))
add("gif animated: first frame", save(rgb.quantize(64), "GIF", save_all=True, append_images=[ImageOps.mirror(rgb).quantize(64)]))
add("gif interlaced", save(rgb.quantize(64), "GIF", interlace=1))
add("bmp 24 bit", save(rgb, "BMP")); add("bmp 8 bit", save(rgb.quantize(64), "BMP")); add("bmp 1 bit", save(gray.convert("1"), "BMP")); add("bmp gray", save(gray, "BMP"))

resizes = []
for (w, h), (ow, oh) in [((19, 13), (7, 5)), ((19, 13), (40, 31)), ((64, 48), (16, 16)), ((5, 90), (30, 11)), ((90, 3), (8, 24)), ((33, 33), (33, 10)), ((33, 33), (10, 33)), ((1, 1), (4, 4)), ((100, 2), (3, 2))]:
    y, x, c = np.mgrid[0:h, 0:w, 0:3]; a = ((x * 37 + y * 91 + c * 53 + (x * y) % 17 * 11) % 256).astype(np.uint8)
    resizes.append(dict(width=w, height=h, toWidth=ow, toHeight=oh, bytes=b64(save(Image.fromarray(a), "PNG")), rgb=b64(Image.fromarray(a).resize((ow, oh), Image.LANCZOS).tobytes())))

json.dump(dict(pillow=PIL.__version__, cases=cases, resizes=resizes), open(sys.path[0] + "/vectors.json", "w"))
print(len(cases), "pictures,", len(resizes), "resizes")
