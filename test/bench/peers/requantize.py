"""A GGUF file's matrices in another type: everything else, the embedding included, stays as it is.

PyPI gguf 0.19.0. Usage: requantize.py FROM.gguf TYPE TO.gguf, TYPE one of Q4_0, Q8_0.
What a type loses is lost once more; for measurements of speed, not of answers.
"""

import sys

from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType, dequantize, quantize

FILE_TYPES = {"Q4_0": LlamaFileType.MOSTLY_Q4_0, "Q8_0": LlamaFileType.MOSTLY_Q8_0}


def main() -> None:
    source, name, target = sys.argv[1:]
    wanted = GGMLQuantizationType[name]
    reader = GGUFReader(source)
    writer = GGUFWriter(target, arch=reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        # the writer writes these itself
        if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        items = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), kind, sub_type=items)
    writer.add_file_type(FILE_TYPES[name])
    for tensor in reader.tensors:
        matrix = tensor.name.startswith("blk.") and len(tensor.shape) == 2
        if matrix:
            data = quantize(dequantize(tensor.data, tensor.tensor_type), wanted)
            writer.add_tensor(tensor.name, data, raw_dtype=wanted)
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
