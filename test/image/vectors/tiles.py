"""Writes tiles.json: how transformers cuts pictures of many sizes into tiles.

Made with transformers 5.24.0 (without PyTorch), numpy and Pillow 13.0.0: the whole Idefics3 image processor is run on a
picture of each size, and its rows and columns are written down. Usage: python tiles.py"""
import json
import pathlib
import random

import numpy as np
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

random.seed(4)
EXTREME = [(1, 1), (1, 2), (512, 512), (513, 512), (640, 480), (480, 640), (2048, 2047), (2047, 2048), (8192, 9), (9, 8192)]
EXTREME += [(3000, 1), (1, 3000), (4000, 3000), (1025, 1024), (1537, 512), (511, 1537), (224, 224)]
# tile and longest edge of SmolVLM, of its first release, and two that do not divide each other
SETTINGS = [(512, 2048, 25), (364, 1456, 15), (384, 1000, 15), (32, 130, 120)]

cases = []
for tile, longest_edge, count in SETTINGS:
    processor = Idefics3ImageProcessorPil(size={"longest_edge": longest_edge}, max_image_size={"longest_edge": tile}, do_rescale=False, do_normalize=False)
    largest = 4 * longest_edge
    for width, height in EXTREME + [(random.randint(1, largest), random.randint(1, largest)) for _ in range(count)]:
        picture = np.zeros((height, width, 3), np.uint8)
        out = processor([picture], return_row_col_info=True, input_data_format="channels_last")
        cases.append([tile, longest_edge, width, height, int(out["rows"][0][0]), int(out["cols"][0][0])])
(pathlib.Path(__file__).parent / "tiles.json").write_text(json.dumps(cases) + "\n")
print(len(cases), "sizes")
