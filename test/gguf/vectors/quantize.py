"""Floats and what ggml's own quantization makes of them, by PyPI `gguf` 0.19.0 and `numpy` 2.4.6. Writes quantize.json:

    python test/gguf/vectors/quantize.py

128 blocks of 32 floats (base64, little-endian): ordinary weights, some of one sign, some with an outlier, equal ones, zeros,
large and very small ones; for each type the floats that `gguf.quants` reads from its own blocks of them.
"""
import base64
import json
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

rng = np.random.default_rng(11)
x = rng.normal(0, 0.05, (128, 32)).astype(np.float32)
x[64:76] = np.abs(x[64:76])
x[76:88, 5] *= 20
x[88:92] = rng.uniform(-1, 1, (4, 32))
x[92] = 0.25
x[93] = -0.25
x[94] = 0
x[95:100] *= 2000
x[100:105] *= 2e-5
x[105:108] = np.where(rng.random((3, 32)) < 0.9, 0, x[105:108])


def text(data: np.ndarray) -> str:
    return base64.b64encode(data.astype("<f4").tobytes()).decode()


read = {kind.name: text(quants.dequantize(quants.quantize(x, kind), kind)) for kind in (Type.Q4_0, Type.Q8_0)}
lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in {"values": text(x), **read}.items())
(pathlib.Path(__file__).parent / "quantize.json").write_text("{\n" + lines + "\n}\n")
