"""vLLM's start, on GPUs and on the CPU: its command line, its environment, and what its log says on the way up."""

import json
import os
import re
import sys
from pathlib import Path

from lr_demo.config import (
    DraftedSpeculation,
    DraftModelSpeculation,
    EagleSpeculation,
    NgramSpeculation,
    SuffixSpeculation,
    VllmServer,
    VllmSpeculation,
    core_numbers,
)
from lr_demo.proposals.environment import ProposerOptions
from lr_demo.serving.hardware import BF16_FEATURES, processor, vllm_runs_on_gpu
from lr_demo.serving.launch import HOST, Launch, milestones
from lr_demo.serving.processes import Command, python_module

PROPOSER = "lr_demo.proposals.vllm_proposer.DraftedStepProposer"
ON_PROCESSORS = "lr_demo.serving.vllm_worker.OnProcessors"
_SERVER_ON_GPUS, _SERVER_ON_PROCESSORS = "vllm.entrypoints.openai.api_server", "lr_demo.serving.vllm_on_processors"
"""Modules that are vLLM's server."""
_CPU_BLOCK = 32
"""Tokens of a block of the KV cache on a CPU. Only whole blocks are shared between requests that begin alike, and
vLLM's own 128 there is longer than most steps: each expansion and verdict would read up to 127 tokens again."""
_SPINS_MS = "5"
"""Milliseconds for which a thread without work keeps its core (Intel's OpenMP); 200 by itself. Measured on two cores,
in turns: the eight tokens that a draft writes between two passes take 229 ms with 5, 333 with 200, 222 on idle cores; a
pass takes as long with either, and a little longer with 1."""
_MILESTONES = milestones(
    (r"version \d+\.\d+", 0.2, "starting the engine"),
    ("Initializing a V1 LLM engine", 0.4, "starting the worker"),
    ("Starting to load model", 0.55, "reading the weights"),
    (r"checkpoint shards:\s+(?P<percent>\d+)%", 0.57, "reading the weights"),
    ("Loading weights took", 0.65, "preparing the model"),
    ("Dynamo bytecode transform", 0.67, "compiling; the next start is faster"),
    ("KV cache size", 0.7, "making room for the KV cache"),
    ("Warming up model", 0.72, "warming up and compiling; the next start is faster"),
    (r"Capturing CUDA graphs.*?(?P<percent>\d+)%", 0.75, "capturing CUDA graphs"),
    ("init engine", 0.9, "opening the server"),
    ("Starting vLLM server", 0.97, "opening the server"),
)


def launch_vllm(
    config: VllmServer, name: str, weights: str, port: int, compiled: Path, proposals: Path | None = None
) -> Launch:
    """vLLM's OpenAI server; what it compiles is kept below `compiled`.

    `weights`, and the model of a speculation that has one, are what vLLM itself takes: a folder or a hub id.
    `proposals` is the folder where it takes drafted steps, if its speculation is of that kind.
    """
    gpus = gpus_of(config)
    argv = [
        *python_module(_SERVER_ON_GPUS if gpus else _SERVER_ON_PROCESSORS),
        *("--model", weights, "--served-model-name", name, "--host", HOST, "--port", str(port)),
        *("--dtype", _dtype(config), "--max-model-len", str(config.max_model_len)),
        *("--max-num-seqs", str(config.max_num_seqs), "--max-logprobs", "64"),
        *("--generation-config", "vllm"),  # a request says how it samples; end tokens still come from the model
        *("--no-enable-log-requests", "--disable-uvicorn-access-log", "--disable-fastapi-docs"),
        *([] if config.prefix_caching else ["--no-enable-prefix-caching"]),
        *(["--enforce-eager"] if config.eager else []),
        *_parallelism(config),
    ]
    environment = {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CACHE_ROOT": str(compiled),
        "TORCHINDUCTOR_CACHE_DIR": str(compiled / "inductor"),
        "VLLM_LOGGING_LEVEL": "INFO",
        "PYTHONWARNINGS": "ignore",
        "TOKENIZERS_PARALLELISM": "false",
    }
    models = [weights]
    if config.speculation is not None:
        argv += ["--speculative-config", json.dumps(speculative_config(config.speculation))]
        if isinstance(config.speculation, DraftedSpeculation):
            options = ProposerOptions(proposals, config.speculation.ngram_tokens, config.speculation.lookup)
            environment |= options.to_environment()
        if isinstance(config.speculation, DraftModelSpeculation | EagleSpeculation):
            models.append(config.speculation.model)
    if all(Path(model).exists() for model in models):
        environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    if gpus:
        argv += ["--gpu-memory-utilization", f"{config.gpu_memory_utilization:g}"]
        # by the driver's index: CUDA by itself numbers the fastest GPU first
        environment |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus))}
    else:
        argv += ["--kv-cache-memory-bytes", str(int(config.kv_cache_gib * 2**30))]
        argv += ["--block-size", str(_CPU_BLOCK)]
        argv += ["--worker-extension-cls", ON_PROCESSORS]
        if config.devices == 1:  # several workers share the cores as vLLM sees fit
            environment |= _threads(config.cores)
        if preload := _openmp_library():
            environment["LD_PRELOAD"] = ":".join(filter(None, (str(preload), os.environ.get("LD_PRELOAD"))))
    argv += config.extra_args
    serving = re.compile(r"Starting vLLM server on (http://[\d.]+:\d+)")
    return Launch(Command(tuple(argv), environment), _MILESTONES, serving, re.compile("Application startup complete"))


def speculative_config(speculation: VllmSpeculation) -> dict[str, str | int]:
    """What vLLM's `--speculative-config` says for a speculation."""
    shared: dict[str, str | int] = {"method": speculation.method, "num_speculative_tokens": speculation.tokens}
    match speculation:
        case NgramSpeculation():
            return shared | {"prompt_lookup_max": speculation.lookup, "prompt_lookup_min": speculation.lookup}
        case SuffixSpeculation():
            return shared
        case DraftedSpeculation():
            return shared | {"method": "custom_class", "model": PROPOSER}
        case DraftModelSpeculation() | EagleSpeculation():
            return shared | {"model": speculation.model}


def gpus_of(config: VllmServer) -> tuple[int, ...]:
    """GPUs a server is placed on, by the driver's index; none where it runs on the processor.

    A server that names none takes the first ones where the vLLM that is installed knows nothing but GPUs.
    """
    if config.gpus or not vllm_runs_on_gpu():
        return config.gpus
    return tuple(range(config.devices))


def element_bytes(config: VllmServer) -> int:
    """Bytes of one number of an unquantized model, and of its KV cache."""
    return 4 if _dtype(config) in ("float32", "float") else 2


def _dtype(config: VllmServer) -> str:
    """The number format; `auto` on a processor is the one in which it has fast matrix kernels.

    Without bfloat16 instructions vLLM falls back to kernels in which four sequences cost three times
    one, and a prompt six times as much as in float32 (measured with AVX2: see the note on float32 in
    `configs/cpu.yaml`). The weights are the same numbers in both.
    """
    if config.dtype != "auto" or gpus_of(config):
        return config.dtype
    return "bfloat16" if BF16_FEATURES & set(processor()[1]) else "float32"


def _parallelism(config: VllmServer) -> list[str]:
    """The options of each kind of parallelism that is used."""
    sizes = {
        "--tensor-parallel-size": config.tensor_parallel_size,
        "--pipeline-parallel-size": config.pipeline_parallel_size,
        "--data-parallel-size": config.data_parallel_size,
    }
    return [word for option, size in sizes.items() if size > 1 for word in (option, str(size))]


def _threads(cores: str | None) -> dict[str, str]:
    """Worker inside the engine's process, a thread for each core: vLLM by itself starts one more process for it,
    and leaves a core idle."""
    bound = core_numbers(cores) if cores else sorted(os.sched_getaffinity(0))
    environment = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "OMP_NUM_THREADS": str(len(bound)),
        "KMP_BLOCKTIME": _SPINS_MS,
    }
    if cores:  # the draft moves between the cores: unless asked to, no thread is tied to one
        environment["GOMP_CPU_AFFINITY"] = " ".join(map(str, bound))
    return environment


def _openmp_library() -> Path | None:
    """Intel's OpenMP library, where installed: with it a token takes half to two thirds of the time."""
    library = Path(sys.prefix, "lib", "libiomp5.so")
    return library if library.is_file() else None
