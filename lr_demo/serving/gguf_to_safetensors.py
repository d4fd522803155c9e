"""Turn a GGUF file into a folder of bfloat16 safetensors that vLLM reads; run as a process of its own.

`python -m lr_demo.serving.gguf_to_safetensors FILE FOLDER`: dequantizing takes several times the
file's size in memory, and a process gives it back. Lines on standard output that begin with
`progress` carry the share done, 0 to 1, and a sentence.
"""

import functools
import sys
from pathlib import Path

END_TOKENS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "<|end|>", "<end_of_turn>")
"""Texts of special tokens that end an answer; llama.cpp takes the same ones from a vocabulary."""


def _progress(share: float, sentence: str) -> None:
    print(f"progress {share:.3f} {sentence}", flush=True)


def convert(source: Path, folder: Path) -> None:
    """Write model, tokenizer, chat template and generation settings of `source` into `folder`."""
    _progress(0.02, "loading the libraries")
    import gguf
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, GgufConfig

    gguf.GGUFReader = functools.cache(gguf.GGUFReader)  # transformers reads the header, slow, for every object it makes
    _progress(0.25, "reading and dequantizing the tensors")
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    _progress(0.7, "reading the tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # the saved tensors are plain bfloat16
    vocabulary = tokenizer.get_vocab()
    ends = {tokenizer.eos_token_id} | {vocabulary[text] for text in END_TOKENS if text in vocabulary}
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=sorted(ends), pad_token_id=tokenizer.pad_token_id
    )
    _progress(0.75, "writing the model in bfloat16")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _progress(1.0, "converted")


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
