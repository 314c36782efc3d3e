"""Writes odd.json: JPEGs that are rarely written and often shown, pictures with colour profiles, animated PNGs, PNGs cut into odd
chunks; and what Pillow makes of them, whose loader applies no profile. Files under `refused` are not decoded.

Made with cjpeg of libjpeg-turbo 2.1.5, which must be on the PATH, and Pillow 13.0.0. Usage: python odd.py"""
import json
import pathlib
import struct
import subprocess
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps

from reference import Pictures, save, scene, text
from writers import png, png_chunk

HERE = pathlib.Path(__file__).parent
W, H = 45, 34
SCENE = scene(W, H)
RGB = Image.fromarray(SCENE)
GRAY = Image.fromarray(SCENE[:, :, 0])
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# rounding and chroma interpolation are open; this scene has little of what makes them differ
BOUND = 4


def cjpeg(*options, image=RGB):
    command = ["cjpeg", "-quality", "90", *options]
    return subprocess.run(command, input=save(image, "PPM"), capture_output=True, check=True).stdout


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def icc_segments(profile, count):
    size = -(-len(profile) // count)
    return [segment(0xE2, b"ICC_PROFILE\0" + bytes([k + 1, count]) + profile[k * size : (k + 1) * size]) for k in range(count)]


def jpegs(add, refuse):
    for name, factors in {"4:1:1": "4x1", "4:4:0": "1x2", "4:1:0": "4x2", "1 x 4": "1x4", "2 x 1, 1 x 2": "2x2,2x1,1x2"}.items():
        factors = factors if "," in factors else f"{factors},1x1,1x1"
        for progressive in (False, True):
            kind = f"jpeg {name}{' progressive' if progressive else ''}"
            add(kind, cjpeg("-sample", factors, *["-progressive"] * progressive), BOUND)
    add("jpeg 4:1:1 with restart markers", cjpeg("-sample", "4x1,1x1,1x1", "-restart", "1B"), BOUND)
    add("jpeg gray of 2 x 2 blocks", cjpeg("-sample", "2x2", image=GRAY), BOUND)
    add("jpeg with optimized tables", cjpeg("-optimize"), BOUND)
    add("jpeg of the lowest quality", cjpeg("-quality", "1"), BOUND)
    whole = cjpeg()
    add("jpeg with bytes after its end", whole + b"\xff\xd8 more" * 9, BOUND)
    add("jpeg with fill bytes before its markers", whole.replace(b"\xff\xdb", b"\xff" * 7 + b"\xdb").replace(b"\xff\xda", b"\xff\xff\xff\xda"), BOUND)
    add("jpeg with comments", whole[:2] + segment(0xFE, b"\xff\xd9 no end") * 3 + whole[2:], BOUND)
    second = ImageOps.mirror(RGB)
    add("jpeg of several pictures", save(RGB, "MPO", quality=90, save_all=True, append_images=[second]), BOUND)
    add("jpeg with a profile", whole[:2] + b"".join(icc_segments(SRGB, 1)) + whole[2:], BOUND)
    add("jpeg with a profile in parts", whole[:2] + b"".join(icc_segments(SRGB, 3)[::-1]) + whole[2:], BOUND)
    add("jpeg with a part of a profile", whole[:2] + icc_segments(SRGB, 3)[1] + whole[2:], BOUND)
    add("jpeg with a broken profile", whole[:2] + b"".join(icc_segments(b"\xff\xd9" * 500, 2)) + whole[2:], BOUND)
    refuse("jpeg by arithmetic coding", cjpeg("-arithmetic"), "image_unsupported", "ArithmeticEntropyCoding")
    refuse("jpeg by arithmetic coding, progressive", cjpeg("-arithmetic", "-progressive"), "image_unsupported", "ArithmeticEntropyCoding")
    frame = whole.index(b"\xff\xc0")
    # DNL says after the scan how high the picture is
    unknown = whole[: frame + 5] + b"\0\0" + whole[frame + 7 : -2] + segment(0xDC, struct.pack(">H", H)) + whole[-2:]
    refuse("jpeg whose height comes last", unknown, "image_invalid|image_unsupported", "")


def chunks_of(data):
    at = 8
    while at < len(data):
        length = struct.unpack_from(">I", data, at)[0]
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def pngs(add, refuse):
    frames = dict(save_all=True, append_images=[ImageOps.mirror(RGB), ImageOps.flip(RGB)], duration=100)
    add("png animated", save(RGB, "PNG", **frames))
    add("png animated, its first picture apart", save(RGB, "PNG", default_image=True, **frames))
    veil = Image.fromarray(np.dstack([SCENE, np.linspace(0, 255, W * H).reshape(H, W).astype(np.uint8)]))
    add("png animated alpha", save(veil, "PNG", **frames | dict(append_images=[ImageOps.mirror(veil)])))
    plain = png(SCENE, 8, 2)

    def rebuilt(change):
        return plain[:8] + b"".join(png_chunk(*chunk) for chunk in change(list(chunks_of(plain))))

    head, data, end = chunks_of(plain)
    for size in (1, 7):
        cut = [(b"IDAT", data[1][at : at + size]) for at in range(0, len(data[1]), size)]
        add(f"png in chunks of {size}", rebuilt(lambda _: [head, *cut, end]))
    add("png with empty chunks", rebuilt(lambda _: [head, (b"IDAT", b""), data, (b"IDAT", b""), end]))
    add("png with bytes after its end", plain + b"more" * 99)
    profile = b"sRGB\0\0" + zlib.compress(SRGB)
    add("png with a profile", rebuilt(lambda _: [head, (b"iCCP", profile), data, end]))
    add("png with a broken profile", rebuilt(lambda _: [head, (b"iCCP", profile[:60]), data, end]), 0, SCENE)
    words = [(b"tEXt", b"Title\0odd"), (b"zTXt", b"Comment\0\0" + zlib.compress(b"odd" * 999)), (b"iTXt", b"a\0\0\0en\0b\0c")]
    add("png with text", rebuilt(lambda _: [head, *words, data, *words, end]))
    add("png with broken text", rebuilt(lambda _: [head, (b"zTXt", b"Comment\0\0broken"), (b"tEXt", b""), data, end]), 0, SCENE)
    others = [(b"gAMA", struct.pack(">I", 100000)), (b"pHYs", struct.pack(">IIB", 1, 9, 0)), (b"tIME", bytes(7)), (b"loRs", b"private")]
    add("png with chunks that change no pixel", rebuilt(lambda _: [head, *others, data, end]))
    palette = (b"PLTE", bytes(range(240)))
    add("png rgb with a palette", rebuilt(lambda _: [head, palette, data, end]))
    refuse("png with an unknown chunk that it needs", rebuilt(lambda _: [head, (b"LORS", b"?"), data, end]), "image_invalid", "PNG")
    refuse("png of Apple's own kind", rebuilt(lambda _: [(b"CgBI", bytes(4)), head, data, end]), "image_invalid", "PNG")
    refuse("png whose header comes twice", rebuilt(lambda _: [head, head, data, end]), "image_invalid", "PNG")
    refuse("png without pixels", rebuilt(lambda _: [head, end]), "image_invalid", "PNG")


def webps(add):
    add("webp with a profile", save(RGB, "WEBP", lossless=True, icc_profile=SRGB))
    add("webp with a broken profile", save(RGB, "WEBP", lossless=True, icc_profile=b"broken"))


pictures, refused = Pictures(), []


def refuse(name, data, code, words):
    """code, words: patterns of the error."""
    refused.append(dict(name=name, bytes=text(data), code=code, words=words))


jpegs(pictures.add, refuse)
pngs(pictures.add, refuse)
webps(pictures.add)
(HERE / "odd.json").write_text(json.dumps(pictures.json() | dict(refused=refused)) + "\n")
print(len(pictures.cases), "pictures,", len(refused), "that are refused")
