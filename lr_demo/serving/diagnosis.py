"""Why a server died or hangs, as far as its log tells."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from lr_demo.serving.processes import Ended

PORT_IN_USE = re.compile(r"address already in use|couldn't bind", re.IGNORECASE)
_REASONS: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (PORT_IN_USE.pattern, "its port is in use by another program"),
        (
            r"Free memory on device .*less than (desired GPU|the engine's budget)",
            "its GPU has less free memory than its share: end other programs there (nvidia-smi lists them), or lower "
            "gpu_memory_utilization in the profile",
        ),
        (
            r"CUDA out of memory|CUDA error: out of memory|cudaErrorMemoryAllocation|CUBLAS_STATUS_ALLOC_FAILED",
            "its GPU has not enough memory: lower max_model_len or max_num_seqs, spread it over more gpus "
            "(tensor_parallel_size), or choose a smaller model",
        ),
        (
            r"No available memory for the cache blocks|max seq len.*larger than the available",
            "the KV cache is too small for the context length: lower max_model_len in the profile, or raise "
            "gpu_memory_utilization (GPU) or kv_cache_gib (CPU)",
        ),
        (
            r"out of memory|Cannot allocate memory|MemoryError|bad_alloc|less than desired CPU|"
            r"Available memory on node .*is less than requested",
            "there is not enough memory: close other programs, or use a profile with smaller models",
        ),
        (
            r"NVIDIA driver on your system is too old|driver version is insufficient|"
            r"provided PTX was compiled with an unsupported",
            "the NVIDIA driver is too old for this build of torch: update the driver",
        ),
        (
            r"World size \(\d+\) is larger than the number of available GPUs|rank \d+ is out of bounds for|"
            r"invalid device ordinal",
            "it wants more GPUs than it sees: correct gpus and tensor_parallel_size in the profile "
            "(nvidia-smi lists what is there)",
        ),
        (
            r"No CUDA GPUs are available|Failed to infer device type|no CUDA-capable device|Found no NVIDIA driver|"
            r"libcuda\.so\S*: cannot open",
            "no GPU can be used: is the driver loaded (nvidia-smi), and is the GPU given to this container? Without a "
            "GPU use the profile cpu or laptop",
        ),
        (
            r"Bfloat16 is only supported on GPUs",
            "its GPU is too old for bfloat16: set dtype: half in the profile",
        ),
        (
            r"no kernel image is available|not supported for the current GPU|not compatible with the current PyTorch",
            "its GPU is too old for the engine or the model's number format: choose a model in float16, or a newer GPU",
        ),
        (
            r"attention heads \(\d+\) must be divisible by tensor parallel size",
            "its attention heads cannot be split over so many GPUs: choose a tensor_parallel_size that divides them",
        ),
        (
            r"NCCL error|ncclSystemError|ncclUnhandledCudaError|ncclInternalError|Failed to initialize NCCL",
            "its GPUs could not connect to each other (NCCL): start again with NCCL_DEBUG=INFO in the environment to "
            "see why; in a container give it more shared memory (--shm-size), and try NCCL_P2P_DISABLE=1",
        ),
        (
            r"gated repo|403 Client Error|403 Forbidden",
            "its model is in a gated repository: accept the licence on the hub's page, and set HF_TOKEN to your token",
        ),
        (
            r"401 Client Error|Repository Not Found|is not a local folder and is not a valid model identifier|"
            r"not a local folder or a valid repository",
            "there is no such model on the hub, or it is private: correct model in the profile, or set HF_TOKEN",
        ),
        (
            r"We couldn't connect to|LocalEntryNotFoundError|Name or service not known|"
            r"Temporary failure in name resolution",
            "its model is not here and the hub cannot be reached: connect this machine, or give the path of a folder "
            "with the model in the profile",
        ),
        (
            r"Cannot find any model weights|does not appear to have a file named|No such file or directory.*"
            r"\.(safetensors|gguf|json)",
            "its model is incomplete: fetch it again, or correct the path in the profile",
        ),
        (
            r"greater than the derived max_model_len",
            "the model's context is shorter than that: lower max_model_len in the profile",
        ),
        (
            r"Model architectures .* are not supported|requires you to execute the configuration file",
            "this version of vLLM does not know the model's architecture, or wants --trust-remote-code (extra_args)",
        ),
        (r"No module named '?(xllamacpp|vllm|torch)", "the engine is not installed: run `make setup`"),
        (
            r"failed to (load model|read)|invalid magic|not.*valid GGUF|HeaderTooLarge|SafetensorError",
            "the model file is damaged or of a kind this engine does not read",
        ),
        (r"unrecognized arguments", "the engine does not know an option of the profile (extra_args)"),
        (r"No space left on device", "the disk is full"),
    )
)
"""What an engine says when it dies, and what that means; the first that is found counts."""
_WAITS_FOR: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (
            r"world_size=(?!1\b)\d|using nccl|nccl (info|version)|custom_all_reduce",
            "its GPUs wait for each other: start again with NCCL_DEBUG=INFO in the environment to see for which; in a "
            "container give it more shared memory (--shm-size), and try NCCL_P2P_DISABLE=1",
        ),
        (
            r"download|huggingface|hf_hub|resolving|fetching",
            "it waits for the hub of its model: connect this machine, or give the path of a folder with the model in "
            "the profile",
        ),
        (
            r"compil|dynamo|inductor|capturing cuda graphs|warming up",
            "it was compiling or warming up, and may wait for a lock that an earlier process left in the cache of "
            "compiled code: end what is left of that one, or set eager: true in the profile to do without",
        ),
        (
            r"load|shards|safetensors|gguf",
            "it was reading its weights: does the disk, or the network file system that holds them, still answer?",
        ),
    )
)
"""What a server said last before it hung, and what it waits for then."""
_SHOWN_LINES = 8
_NOISE = re.compile(r"^\s*$|Traceback|^\s+File |^\s*\^+\s*$|^\(\w+ pid=\d+\)\s+File ")
_SIGNALS = {
    128 + 4: "it used an instruction that this processor does not have: install the engine for this processor",
    128 + 9: "it was killed, most likely because memory ran out: use a profile with smaller models",
    128 + 11: "it crashed (segmentation fault), a fault of the engine",
    128 + 15: "somebody ended it",
}
"""Exit status to what it means."""


def likely_reason(ended: Ended) -> str:
    """The likely reason in words, and what to do about it."""
    output = "\n".join(ended.tail)
    for pattern, reason in _REASONS:
        if pattern.search(output):
            return reason
    return _SIGNALS.get(ended.status, f"it ended with status {ended.status}")


def likely_wait(tail: Iterable[str]) -> str:
    """What a server that hangs while it loads waits for, in words, as far as its last lines tell."""
    for line in _telling(tail)[::-1]:
        for pattern, reason in _WAITS_FOR:
            if pattern.search(line.partition(" with config: ")[0]):  # what follows names everything there is
                return reason
    return "it waits for something that does not come"


def obituary(name: str, ended: Ended, log: Path) -> str:
    """What to tell people about a server that died: the likely reason, the last lines, the log."""
    return f"the server {name} died: {likely_reason(ended)}. {last_words(ended.tail, log)}"


def last_words(tail: Iterable[str], log: Path) -> str:
    """The last lines of a server, and where its log is."""
    last = "\n".join(f"  {line[:300]}" for line in _telling(tail)) or "  (it said nothing)"
    return f"Its last lines:\n{last}\nThe whole log is {log}"


def _telling(tail: Iterable[str]) -> list[str]:
    return [line for line in tail if not _NOISE.search(line)][-_SHOWN_LINES:]
