"""What Pillow makes of a picture, and the list in which that is kept: for the scripts beside this one."""
import base64
import io
import zlib

import numpy as np
from PIL import Image, ImageOps

W, H = 19, 13


def scene(width=W, height=H):
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    return np.clip(128 + 60 * np.sin(x / 5 + c) + 50 * np.cos(y / 4 - c), 0, 255).astype(np.uint8)


def save(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pillow(data):
    rgba = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


class Pictures:
    """Pixels are zlib streams in base64; equal ones are stored once."""

    def __init__(self):
        self.cases, self.pixels = [], {}

    def add(self, name, data, bound=0, expected=None):
        """bound: the largest difference allowed at any pixel, of 255. expected: an array, where Pillow's word is not it."""
        image = pillow(data) if expected is None else Image.fromarray(np.ascontiguousarray(expected, np.uint8))
        index = self.pixels.setdefault(image.tobytes(), len(self.pixels))
        self.cases.append(dict(name=name, bytes=text(data), width=image.width, height=image.height, bound=bound, pixels=index))

    def json(self):
        return dict(cases=self.cases, pixels=[text(zlib.compress(p, 9)) for p in self.pixels])


def text(data):
    return base64.b64encode(data).decode()
