"""Vectors for the GGUF reader by PyPI `gguf` 0.19.0 and `numpy` 2.4.6. Writes into its own folder:

    python test/gguf/vectors/generate.py [FOLDER WITH tiny-text-f32.gguf ...]

- dequantize.json  blocks of every readable type and the f32 values that `gguf.quants` reads from them (both base64,
                   little-endian); random bytes, so that every bit of a block's layout counts, under scales that are
                   usual, and under the extreme ones of SCALES
- *.gguf           files by gguf's own writer: every type of metadata, a split set, big-endian
- foreign.json     what those files hold
- listing.json     (only if the folder is given) the tensors that `GGUFReader` finds in the reference files
"""
import base64
import json
import pathlib
import sys
import warnings

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFEndian, GGUFReader, GGUFWriter, quants
from gguf.constants import GGML_QUANT_SIZES

HERE = pathlib.Path(__file__).parent
ORDINARY_BLOCKS = {1: 128, 32: 6, 256: 2}
# binary16: zeros, the smallest and largest subnormal numbers, the smallest and largest normal ones, infinities, a NaN
SCALES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x8400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00]
# byte offsets of a block's binary16 numbers
SCALE_OFFSETS = {
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0],
    Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208], Type.IQ4_NL: [0],
}


def text(data) -> str:
    return base64.b64encode(bytes(data)).decode()


def blocks_of(kind: Type, rng: np.random.Generator) -> np.ndarray:
    """Blocks as bytes, one a row."""
    elements, size = GGML_QUANT_SIZES[kind]
    count = ORDINARY_BLOCKS[elements]
    if elements == 1:
        ordinary = rng.normal(0, 0.05, count).astype(np.float32)
        halves = ordinary.astype(np.float16).view(np.uint16) if kind == Type.F16 else (ordinary.view(np.uint32) >> 16)
        # bfloat16 has its own patterns: largest number, infinities, NaN, smallest normal and subnormal numbers
        extreme = SCALES if kind == Type.F16 else [0x0000, 0x8000, 0x7F7F, 0xFF7F, 0x7F80, 0xFF80, 0x7FC0, 0x0080, 0x0001]
        return np.concatenate([halves, extreme]).astype("<u2").view(np.uint8).reshape(-1, 2)
    offsets = SCALE_OFFSETS[kind]
    # pairs of extremes for the types with a minimum: each meets each other's neighbour
    extreme = [[s, SCALES[(i + shift) % len(SCALES)]] for shift in ((1, 5) if len(offsets) == 2 and elements == 32 else (1,))
               for i, s in enumerate(SCALES)]
    scales = rng.normal(0, 0.05, (count, 2)).astype(np.float16).view(np.uint16).tolist() + extreme
    out = rng.integers(0, 256, (len(scales), size), dtype=np.uint8)
    for row, values in zip(out, scales):
        for at, value in zip(offsets, values):
            row[at : at + 2] = np.array([value], "<u2").view(np.uint8)
    return out


def dequantize() -> None:
    cases = []
    for kind in [Type.F16, Type.BF16, *SCALE_OFFSETS]:
        blocks = blocks_of(kind, np.random.default_rng(int(kind) + 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # infinities times zero are meant
            if kind == Type.F16:
                values = blocks.view("<f2").astype(np.float32)
            else:
                values = quants.dequantize(blocks, kind)
        elements, size = GGML_QUANT_SIZES[kind]
        assert values.dtype == np.float32 and values.size == blocks.size // size * elements
        cases.append({"type": kind.name, "typeId": int(kind), "elements": values.size,
                      "blocks": text(blocks.tobytes()), "expected": text(values.astype("<f4").tobytes())})
    write_json("dequantize.json", cases)


def weights(rows: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (rows, width)).astype(np.float32)


def add_tensors(writer: GGUFWriter) -> list:
    """Adds four tensors; returns their names, types, shapes (GGUF's order) and bytes."""
    listing = []
    for name, kind, rows, width in [("a.f32", Type.F32, 3, 5), ("b.q8_0", Type.Q8_0, 2, 64), ("c.f16", Type.F16, 1, 7),
                                    ("d.q4_0", Type.Q4_0, 4, 32)]:
        data = quants.quantize(weights(rows, width, len(name)), kind)
        writer.add_tensor(name, data, raw_dtype=kind)
        listing.append({"name": name, "type": kind.name, "shape": [width, rows], "data": text(data.tobytes())})
    return listing


def finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def foreign() -> None:
    # 64-bit values beyond 2^53 are written as text in the JSON
    metadata = {
        "t.u8": 255, "t.i8": -128, "t.u16": 65535, "t.i16": -32768, "t.u32": 2**32 - 1, "t.i32": -(2**31),
        "t.f32": 0.15625, "t.f64": 0.1, "t.u64": 2**53 - 1, "t.i64": -5, "t.u64.large": 2**64 - 1,
        "t.i64.large": -(2**63), "t.true": True, "t.false": False,
        "t.string": "caf\u00e9 \U0001f98a", "t.string.bom": "\ufeffx",
        "t.array.i32": [1, -2, 3], "t.array.f32": [0.5, -0.25], "t.array.bool": [True, False, True],
        "t.array.string": ["a", "", "\u00df\n"], "t.array.array": [[1, 2], [3], [4, 5, 6]],
    }
    writer = GGUFWriter(HERE / "foreign.gguf", "llama")
    writer.add_custom_alignment(64)
    for key, value in metadata.items():
        kind = key.split(".")[1]
        if kind == "array":
            writer.add_array(key, value)
        else:
            add = {"u": "uint", "i": "int", "f": "float"}.get(kind[0], "")
            name = {"true": "bool", "false": "bool", "string": "string"}.get(kind, f"{add}{kind[1:]}")
            getattr(writer, f"add_{name}")(key, value)
    tensors = add_tensors(writer)
    finish(writer)

    writer = GGUFWriter(HERE / "split.gguf", "llama", split_max_tensors=2)
    add_tensors(writer)
    finish(writer)

    writer = GGUFWriter(HERE / "big-endian.gguf", "llama", endianess=GGUFEndian.BIG)
    writer.add_uint32("t.u32", 7)
    finish(writer)

    shown = {k: str(v) if isinstance(v, int) and abs(v) >= 2**53 else v for k, v in metadata.items()}
    write_json("foreign.json", {"metadata": {"general.alignment": 64, **shown}, "tensors": tensors})


def listing(folder: pathlib.Path) -> None:
    files = {}
    for path in sorted(folder.glob("tiny-*.gguf")):
        reader = GGUFReader(path)
        files[path.name] = [[t.name, t.tensor_type.name, t.shape.tolist(), int(t.n_bytes), int(t.data_offset)]
                            for t in reader.tensors]
    assert files, f"no reference files in {folder}"
    write_json("listing.json", files)


def write_json(name: str, value) -> None:
    """One line for each entry of the outermost list or object."""
    if isinstance(value, list):
        body = "[\n" + ",\n".join(json.dumps(v) for v in value) + "\n]\n"
    else:
        body = "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) + "\n}\n"
    (HERE / name).write_text(body)


dequantize()
foreign()
if len(sys.argv) > 1:
    listing(pathlib.Path(sys.argv[1]))
