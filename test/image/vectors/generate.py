"""Writes pictures.json, resizes.json and large.json: pictures of every format and what Pillow makes of them.

Made with Pillow 13.0.0 (libjpeg-turbo 3.2.0, libwebp 1.6.0, zlib 1.2.13) and numpy 2.4.6. Usage: python generate.py
Expected pixels are Pillow's: exif_transpose, composited on white, RGB. Where Pillow reads a file otherwise than its
specification says (16-bit gray, frames that leave screen free), the source samples themselves are expected."""
import itertools
import json
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

from reference import H, Pictures, W, pillow, save, scene, text
from writers import bmp, bmp_rows, exif, gif, png, png_chunk, u24, webp

HERE = pathlib.Path(__file__).parent
RGB = Image.fromarray(scene())
GRAY = Image.fromarray(scene()[:, :, 0])
ALPHA = np.linspace(0, 255, W * H).reshape(H, W).astype(np.uint8)
RGBA = Image.fromarray(np.dstack([scene(), ALPHA]))
PALETTE = np.array([[k * 50 % 256, 255 - k % 256, k * 97 % 256] for k in range(256)], np.uint8)
ORDERS = [("II", False), ("MM", True)]
BROKEN_EXIF = {
    "directory beyond the end": b"MM\0*\xff\xff\xff\xff",
    "unknown byte order": b"XX\0*\0\0\0\x08",
    "orientation 0": exif(0),
    "orientation 9": exif(9, True),
    "cut in its entry": exif(6)[:15],
}
# JPEG and lossy WebP leave rounding and chroma interpolation open. Pillow's libjpeg and the decoder here differ by up to
# 3 on this scene; a wrong upsampling, transform or colour matrix is off by far more.
JPEG_BOUND, WEBP_BOUND = 4, 1


def jpegs(add):
    for sampling, name in enumerate(["4:4:4", "4:2:2", "4:2:0"]):
        for progressive in (False, True):
            kind = f"jpeg {name}{' progressive' if progressive else ''}"
            add(kind, save(RGB, "JPEG", quality=90, subsampling=sampling, progressive=progressive), JPEG_BOUND)
    for progressive in (False, True):
        add(f"jpeg gray{' progressive' if progressive else ''}", save(GRAY, "JPEG", quality=90, progressive=progressive), JPEG_BOUND)
    add("jpeg with restart markers", save(RGB, "JPEG", quality=90, restart_marker_blocks=1), JPEG_BOUND)
    add("jpeg stored as rgb", save(RGB, "JPEG", quality=90, keep_rgb=True, subsampling=0), JPEG_BOUND)
    add("jpeg extended sequential", save(RGB, "JPEG", quality=90).replace(b"\xff\xc0", b"\xff\xc1"), JPEG_BOUND)
    add("jpeg 1 x 1", save(RGB.crop((0, 0, 1, 1)), "JPEG"), JPEG_BOUND)
    # ink of all four kinds; Pillow's own RGB to CMYK leaves black empty
    cmyk = Image.merge("CMYK", (*RGB.split(), Image.fromarray(ALPHA // 2)))
    add("jpeg cmyk", save(cmyk, "JPEG", quality=95), JPEG_BOUND)
    # YCCK: the four planes written as they are, then Adobe's marker says what they mean (transform 2)
    y, cb, cr = (ImageOps.invert(plane) for plane in Image.merge("RGB", cmyk.split()[:3]).convert("YCbCr").split())
    ycck = save(Image.merge("CMYK", (y, cb, cr, cmyk.getchannel("K"))), "JPEG", quality=95)
    at = ycck.index(b"Adobe") + 11
    add("jpeg ycck", ycck[:at] + b"\x02" + ycck[at + 1 :], JPEG_BOUND)
    for o, (order, big) in itertools.product(range(1, 9), ORDERS):
        add(f"jpeg orientation {o} {order}", save(RGB, "JPEG", subsampling=0, exif=b"Exif\0\0" + exif(o, big, 3)), JPEG_BOUND)
    upright = np.array(pillow(save(RGB, "JPEG", subsampling=0)))
    for name, block in BROKEN_EXIF.items():
        add(f"jpeg exif broken: {name}", save(RGB, "JPEG", subsampling=0, exif=b"Exif\0\0" + block), JPEG_BOUND, upright)


def pngs(add):
    rgb, gray = scene(), scene()[:, :, :1]
    rgba, la = np.array(RGBA), np.dstack([gray, ALPHA])
    for interlaced in (False, True):
        suffix = " interlaced" if interlaced else ""
        for depth in (1, 2, 4, 8):
            few = gray >> (8 - depth)
            wide = few.astype(int) * 255 // (2**depth - 1)
            add(f"png gray {depth} bit{suffix}", png(few, depth, 0, interlaced=interlaced), 0, wide.repeat(3, 2))
            key = int(few[5, 7, 0])
            keyed = np.where(few == key, 255, wide).repeat(3, 2)
            trns = png_chunk(b"tRNS", struct.pack(">H", key))
            add(f"png gray {depth} bit tRNS{suffix}", png(few, depth, 0, trns, interlaced=interlaced), 0, keyed)
            plte = png_chunk(b"PLTE", PALETTE[: 2**depth].tobytes())
            add(f"png palette {depth} bit{suffix}", png(few, depth, 3, plte, interlaced=interlaced))
            # tRNS shorter than the palette: the rest is opaque
            trns = png_chunk(b"tRNS", bytes([0, 128, 200, 31])[: max(1, 2**depth - 1)])
            add(f"png palette {depth} bit tRNS{suffix}", png(few, depth, 3, plte + trns, interlaced=interlaced))
        for name, samples, color in [("rgb", rgb, 2), ("gray alpha", la, 4), ("rgba", rgba, 6)]:
            add(f"png {name} 8 bit{suffix}", png(samples, 8, color, interlaced=interlaced))
            # low bytes other than the high ones, to see that the high ones are taken
            wide = samples.astype(int) * 256 + (samples.astype(int) * 37 + 11) % 256
            add(f"png {name} 16 bit{suffix}", png(wide, 16, color, interlaced=interlaced))
        wide = gray.astype(int) * 256 + (gray.astype(int) * 37 + 11) % 256
        add(f"png gray 16 bit{suffix}", png(wide, 16, 0, interlaced=interlaced), 0, gray.repeat(3, 2))
    key = rgb[5, 7]
    keyed = np.where((rgb == key).all(2, keepdims=True), 255, rgb)
    add("png rgb 8 bit tRNS", png(rgb, 8, 2, png_chunk(b"tRNS", struct.pack(">HHH", *map(int, key)))), 0, keyed)
    # a key that differs from every pixel in its low byte alone makes nothing transparent
    wide, key16 = rgb.astype(int) * 257, [int(v) * 257 for v in key]
    add("png rgb 16 bit tRNS", png(wide, 16, 2, png_chunk(b"tRNS", struct.pack(">HHH", *key16))), 0, keyed)
    key16[2] ^= 1
    add("png rgb 16 bit tRNS, no pixel's", png(wide, 16, 2, png_chunk(b"tRNS", struct.pack(">HHH", *key16))), 0, rgb)
    for w, h in [(1, 1), (1, 9), (9, 1), (2, 3), (5, 5), (4, 8), (17, 2)]:
        add(f"png interlaced {w} x {h}", png(scene(w, h), 8, 2, interlaced=True))
    add("png by Pillow", save(RGBA, "PNG"))
    for o, (order, big) in itertools.product(range(1, 9), ORDERS):
        add(f"png orientation {o} {order}", png(rgb, 8, 2, png_chunk(b"eXIf", exif(o, big, 2))))
    add("png orientation after the pixels", png(rgb, 8, 2, after=png_chunk(b"eXIf", exif(6))))
    for name, block in BROKEN_EXIF.items():
        add(f"png exif broken: {name}", png(rgb, 8, 2, png_chunk(b"eXIf", block)), 0, rgb)


def webps(add):
    add("webp lossless", save(RGB, "WEBP", lossless=True))
    add("webp lossless alpha", save(RGBA, "WEBP", lossless=True, exact=True))
    add("webp lossless palette", save(RGB.quantize(4).convert("RGB"), "WEBP", lossless=True))
    add("webp 1 x 1", save(RGB.crop((0, 0, 1, 1)), "WEBP", lossless=True))
    add("webp lossy", save(RGB, "WEBP", quality=90), WEBP_BOUND)
    add("webp lossy, low quality", save(RGB, "WEBP", quality=10), WEBP_BOUND)
    add("webp lossy alpha", save(RGBA, "WEBP", quality=90), WEBP_BOUND)
    add("webp lossy, lossy alpha", save(RGBA, "WEBP", quality=90, alpha_quality=30), WEBP_BOUND)
    for o, (order, big) in itertools.product(range(1, 9), ORDERS):
        add(f"webp orientation {o} {order}", save(RGB, "WEBP", lossless=True, exif=exif(o, big, 1)))
    add("webp orientation with Exif's prefix", save(RGB, "WEBP", lossless=True, exif=b"Exif\0\0" + exif(8)))
    for name, block in BROKEN_EXIF.items():
        add(f"webp exif broken: {name}", save(RGB, "WEBP", lossless=True, exif=block), 0, scene())
    mirrored = dict(save_all=True, duration=100)
    add("webp animated", save(RGB, "WEBP", lossless=True, append_images=[ImageOps.mirror(RGB)], **mirrored))
    add("webp animated, lossy", save(RGB, "WEBP", quality=90, append_images=[ImageOps.mirror(RGB)], **mirrored), WEBP_BOUND)
    add("webp animated alpha", save(RGBA, "WEBP", lossless=True, exact=True, append_images=[ImageOps.mirror(RGBA)], **mirrored))
    # a first frame that is smaller than the canvas, at (4, 2); the background is a hint that players ignore
    part = save(RGB.crop((0, 0, 8, 6)), "WEBP", lossless=True)[12:]
    header = bytes([0x12, 0, 0, 0]) + u24(W - 1) + u24(H - 1)
    frame = u24(4 // 2) + u24(2 // 2) + u24(8 - 1) + u24(6 - 1) + u24(100) + b"\0" + part
    add("webp animated, small first frame", webp([(b"VP8X", header), (b"ANIM", bytes([9, 9, 99, 255, 0, 0])), (b"ANMF", frame)]), WEBP_BOUND)


def gifs(add):
    indices, colors = scene()[:, :, 0], PALETTE
    full = colors[indices]
    other = dict(indices=255 - indices)
    add("gif", gif((W, H), [dict(indices=indices)], colors))
    add("gif by Pillow", save(RGB.quantize(40), "GIF"))
    add("gif 1 x 1", gif((1, 1), [dict(indices=indices[:1, :1])], colors))
    add("gif interlaced", gif((W, H), [dict(indices=indices, interlaced=True)], colors))
    add("gif animated", gif((W, H), [dict(indices=indices), other], colors))
    add("gif with a frame's own colours", gif((W, H), [dict(indices=indices, colors=colors[::-1])], colors), 0, colors[::-1][indices])
    add("gif without a common table", gif((W, H), [dict(indices=indices, colors=colors)]))
    key = int(indices[5, 7])
    keyed = np.where((indices == key)[:, :, None], 255, full)
    add("gif transparent", gif((W, H), [dict(indices=indices, transparent=key)], colors), 0, keyed)
    add("gif animated transparent", gif((W, H), [dict(indices=indices, transparent=key), other], colors), 0, keyed)

    def placed(left, top, frame):
        out = np.full((H, W, 3), 255, np.uint8)
        target = out[top : top + frame.shape[0], left : left + frame.shape[1]]
        target[:] = frame[: target.shape[0], : target.shape[1]]
        return out

    for name, left, top, h, w in [("small", 5, 3, 6, 8), ("over the right edge", 14, 0, 6, 8), ("over the bottom edge", 0, 9, 6, 8)]:
        frame = dict(indices=indices[:h, :w], left=left, top=top)
        add(f"gif with a frame {name}", gif((W, H), [frame], colors), 0, placed(left, top, full[:h, :w]))


def bmps(add):
    rgb, gray = scene(), scene()[:, :, 0]
    for bits in (1, 4, 8):
        few = gray >> (8 - bits)
        table = np.pad(PALETTE[: 2**bits, ::-1], ((0, 0), (0, 1))).tobytes()
        add(f"bmp {bits} bit", bmp(W, H, bits, bmp_rows(few, bits), table), 0, PALETTE[few])
        core = PALETTE[: 2**bits, ::-1].tobytes()
        add(f"bmp {bits} bit, OS/2", bmp(W, H, bits, bmp_rows(few, bits), core, core=True), 0, PALETTE[few])
    red, green, blue = (rgb[:, :, c].astype(int) for c in range(3))
    five = (red >> 3 << 10 | green >> 3 << 5 | blue >> 3).astype("<u2")

    def widened(values, bits):
        """To the nearest of 255 steps; Pillow rounds down."""
        return (values.astype(int) >> (8 - bits)) * 255 / (2**bits - 1) + 0.5

    add("bmp 16 bit 5-5-5", bmp(W, H, 16, bmp_rows(five, 16)), 0, widened(rgb, 5))
    six = (red >> 3 << 11 | green >> 2 << 5 | blue >> 3).astype("<u2")
    wide = np.dstack([widened(rgb[:, :, c], (5, 6, 5)[c]) for c in range(3)])
    add("bmp 16 bit 5-6-5", bmp(W, H, 16, bmp_rows(six, 16), masks=(0xF800, 0x07E0, 0x001F, 0)), 0, wide)
    add("bmp 24 bit", bmp(W, H, 24, bmp_rows(rgb[:, :, ::-1], 24)), 0, rgb)
    add("bmp 24 bit, top row first", bmp(W, -H, 24, bmp_rows(rgb[::-1, :, ::-1], 24)), 0, rgb)
    add("bmp 24 bit, OS/2", bmp(W, H, 24, bmp_rows(rgb[:, :, ::-1], 24), core=True), 0, rgb)
    add("bmp 32 bit, last byte unused", bmp(W, H, 32, bmp_rows(np.dstack([rgb[:, :, ::-1], ALPHA]), 32)), 0, rgb)
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    add("bmp 32 bit with alpha", bmp(W, H, 32, bmp_rows(np.array(RGBA)[:, :, [2, 1, 0, 3]], 32), masks=masks))
    table = np.pad(PALETTE[:, ::-1], ((0, 0), (0, 1))).tobytes()
    bands = gray >> 6
    runs = b""
    for row in bands[::-1]:
        runs += b"".join(bytes([len(list(group)), int(value)]) for value, group in itertools.groupby(row)) + b"\0\0"
    add("bmp 8 bit run lengths", bmp(W, H, 8, runs + b"\0\1", table, compression=1), 0, PALETTE[bands])
    # literal runs, filled up to two bytes
    literal = b"".join(bytes([0, W]) + row.tobytes() + bytes(W % 2) + b"\0\0" for row in gray[::-1])
    add("bmp 8 bit literal runs", bmp(W, H, 8, literal + b"\0\1", table, compression=1), 0, PALETTE[gray])
    runs4 = b""
    for row in bands[::-1]:
        runs4 += b"".join(bytes([len(list(group)), int(value) * 17]) for value, group in itertools.groupby(row)) + b"\0\0"
    add("bmp 4 bit run lengths", bmp(W, H, 4, runs4 + b"\0\1", table[:64], compression=2), 0, PALETTE[bands])
    add("bmp by Pillow", save(RGB, "BMP"))
    add("bmp 1 x 1", save(RGB.crop((0, 0, 1, 1)), "BMP"))


def resizes():
    """Of a picture that test/image/pictures.ts makes by the same whole numbers."""
    sizes = [((19, 13), (7, 5)), ((19, 13), (40, 31)), ((64, 48), (16, 16)), ((5, 90), (30, 11)), ((90, 3), (8, 24)), ((33, 33), (33, 10))]
    sizes += [((33, 33), (10, 33)), ((1, 1), (4, 4)), ((100, 2), (3, 2)), ((8192, 9), (16, 16)), ((9, 8192), (16, 16)), ((512, 3), (1, 1))]
    sizes += [((31, 29), (30, 28)), ((30, 28), (31, 29)), ((2, 2), (64, 48)), ((640, 5), (13, 50)), ((5, 640), (50, 13)), ((127, 61), (16, 64))]
    # at the borders of Pillow's choice of the first pass
    sizes += [((40, 60), (30, 40)), ((40, 61), (30, 40)), ((40, 41), (40, 40)), ((40, 39), (40, 40)), ((20, 41), (40, 40))]
    for (w, h), (to_w, to_h) in sizes:
        y, x, c = np.mgrid[0:h, 0:w, 0:3]
        hard = ((x * 37 + y * 91 + c * 53 + x * y % 17 * 11) % 256).astype(np.uint8)
        # overshoot on both sides at every edge
        hard[(x // 3 + y // 2) % 5 == 0] = 0
        hard[(x // 2 + y // 3) % 7 == 0] = 255
        pixels = Image.fromarray(hard).resize((to_w, to_h), Image.LANCZOS).tobytes()
        yield dict(width=w, height=h, toWidth=to_w, toHeight=to_h, pixels=text(zlib.compress(pixels, 9)))


def large():
    """Files of next to no bytes whose pixels take megabytes, one for each way of decoding that holds a whole picture."""
    shade = Image.new("RGB", (1200, 900), (200, 120, 40))
    veil = Image.new("RGBA", shade.size, (200, 120, 40, 128))
    veil.paste((10, 20, 30, 255), (0, 0, 600, 900))
    twice = dict(save_all=True, duration=100)
    yield "jpeg progressive", save(shade, "JPEG", progressive=True)
    yield "gif", save(shade.quantize(4), "GIF")
    yield "webp lossy", save(shade, "WEBP")
    yield "webp lossless", save(shade, "WEBP", lossless=True)
    yield "webp lossy alpha", save(veil, "WEBP")
    yield "webp lossless alpha", save(veil, "WEBP", lossless=True)
    yield "webp animated", save(shade, "WEBP", lossless=True, append_images=[ImageOps.invert(shade)], **twice)
    yield "webp animated alpha", save(veil, "WEBP", append_images=[ImageOps.mirror(veil)], **twice)
    yield "png interlaced", png(np.zeros((900, 1200, 1), np.uint8), 8, 0, interlaced=True)


pictures = Pictures()
for kind in (jpegs, pngs, webps, gifs, bmps):
    kind(pictures.add)
(HERE / "pictures.json").write_text(json.dumps(pictures.json()) + "\n")
heavy = {name: text(data) for name, data in large()}
(HERE / "large.json").write_text(json.dumps(heavy) + "\n")
made = list(resizes())
(HERE / "resizes.json").write_text(json.dumps(made) + "\n")
print(len(pictures.cases), "pictures,", len(pictures.pixels), "results,", len(made), "resizes")
