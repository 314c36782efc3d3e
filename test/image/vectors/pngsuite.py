"""Writes pngsuite.json: Willem van Schaik's PngSuite (2013), every file of it, and the pixels that each has.

"Permission to use, copy, modify and distribute these images for any purpose and without fee is hereby granted.
(c) Willem van Schaik, 1996, 2011" - http://www.schaik.com/pngsuite/

Usage: python pngsuite.py FOLDER; the crate minipng 1.0.0 carries the suite in test/pngsuite. Made with pypng 0.20220715.0, which
gives all samples as they are stored, and Pillow 13.0.0, which puts them on white. Of 16 bits the upper 8 are expected, of fewer
than 8 the nearest of 255 steps. Files whose names begin with x are damaged, and have no pixels."""
import json
import pathlib
import sys

import numpy as np
import png
from PIL import Image

from reference import Pictures, text

HERE = pathlib.Path(__file__).parent


def pixels(path):
    reader = png.Reader(filename=str(path))
    reader.preamble()
    # what an encoder says of the bits that its source had changes no sample
    reader.sbit = None
    width, height, rows, info = reader.asDirect()
    depth, planes = info["bitdepth"], info["planes"]
    samples = np.array([list(row) for row in rows]).reshape(height, width, planes)
    eight = samples >> 8 if depth == 16 else samples * 255 // (2**depth - 1)
    color, alpha = (eight[:, :, :-1], eight[:, :, -1:]) if info["alpha"] else (eight, np.full((height, width, 1), 255))
    rgba = np.concatenate([np.broadcast_to(color, (height, width, 3)), alpha], 2).astype(np.uint8)
    image = Image.fromarray(rgba)
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


pictures, refused = Pictures(), []
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.png")):
    data = path.read_bytes()
    if path.name.startswith("x"):
        refused.append(dict(name=path.stem, bytes=text(data), code="image_invalid", words="the PNG file is damaged or cut|not a JPEG, PNG"))
    else:
        pictures.add(path.stem, data, 0, pixels(path))
licence = " ".join(__doc__.split('"')[1].split())
out = dict(licence=licence) | pictures.json() | dict(refused=refused)
(HERE / "pngsuite.json").write_text(json.dumps(out) + "\n")
print(len(pictures.cases), "pictures,", len(refused), "that are refused")
