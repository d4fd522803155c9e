"""Quantize a GGUF file anew to Q4_0, which llama.cpp computes with fastest on a processor; runs as a process.

`python -m lr_demo.serving.gguf_to_q4_0 FILE RESULT`. Lines on standard output that begin with `progress` carry the
share done, 0 to 1, and a sentence.
"""

import sys
from pathlib import Path


def convert(source: Path, result: Path) -> None:
    """Write `source` with its matrices in Q4_0 where that is no larger; everything else stays as it is."""
    print("progress 0.020 reading the header", flush=True)
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
    from gguf.quants import dequantize, quantize

    kind = GGMLQuantizationType.Q4_0
    weights_a_block, bytes_a_block = GGML_QUANT_SIZES[kind]
    reader = GGUFReader(source)
    writer = GGUFWriter(result, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue  # the writer's own
        items = field.types[-1] if field.types[0] is GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=items)
    writer.add_file_type(LlamaFileType.MOSTLY_Q4_0)
    # Where the output has a matrix of its own, that of the input is only looked up in.
    looked_up = "token_embd.weight" if any(tensor.name == "output.weight" for tensor in reader.tensors) else ""
    whole, done = sum(tensor.n_bytes for tensor in reader.tensors), 0
    for tensor in reader.tensors:
        size = tensor.n_elements // weights_a_block * bytes_a_block
        matrix = len(tensor.shape) > 1 and tensor.shape[0] % weights_a_block == 0
        if matrix and size <= tensor.n_bytes and tensor.tensor_type is not kind and tensor.name != looked_up:
            data = quantize(dequantize(tensor.data, tensor.tensor_type), kind)
            writer.add_tensor(tensor.name, data, raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        done += tensor.n_bytes
        print(f"progress {0.1 + 0.8 * done / whole:.3f} quantizing the tensors", flush=True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print("progress 1.000 quantized", flush=True)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
