"""What PyPI `gguf` 0.19.0 itself writes for foreign.gguf with other metadata: the bytes that rewriteMetadata() must give.

    python test/gguf/vectors/rewrite.py

- rewritten.gguf  foreign.gguf with `t.string` longer and `t.u8` shorter than before (another type), `t.array.array`
                  and `t.true` gone, and a lazy plan at the end
"""
import pathlib

from gguf import GGUFReader, GGUFValueType, GGUFWriter

HERE = pathlib.Path(__file__).parent
CHANGED = {
    "t.string": ("now a longer text: \u00e9", GGUFValueType.STRING, None),
    "t.u8": (-3, GGUFValueType.INT8, None),
}
REMOVED = {"t.array.array", "t.true"}
ADDED = {
    "lazy.anchor": ([0, 1, 1, 1, 4], GGUFValueType.ARRAY, GGUFValueType.INT32),
    "lazy.mode": ("gla", GGUFValueType.STRING, None),
}

reader = GGUFReader(HERE / "foreign.gguf")
writer = GGUFWriter(HERE / "rewritten.gguf", "llama")
pairs = {}
for key, field in reader.fields.items():
    if key.startswith("GGUF.") or key in REMOVED:
        continue
    kind, *sub = field.types
    value = field.contents()
    pairs[key] = CHANGED.get(key, (value, kind, sub[0] if sub else None))
for key, (value, kind, sub) in {**pairs, **ADDED}.items():
    if key == "general.architecture":
        continue  # the writer has written it
    if key == "general.alignment":
        writer.add_custom_alignment(value)
    else:
        writer.add_key_value(key, value, kind, sub)
for tensor in reader.tensors:
    writer.add_tensor(tensor.name, tensor.data, raw_shape=None, raw_dtype=tensor.tensor_type)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
