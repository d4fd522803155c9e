"""Models converted from GGUF to what an engine reads, or reads faster; once, kept in the cache."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import AsyncFileLock

from lr_demo.errors import WeightsError
from lr_demo.serving import processes
from lr_demo.serving.cache import Cache, gigabytes
from lr_demo.serving.progress import Report


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a GGUF file is made into, by a module that is run with the paths of both."""

    module: str
    purpose: str
    ending: str
    """Of the result's name. Its version is raised when the module writes something else: old results are not used."""
    growth: float
    """Bytes on disk for one byte of a 4-bit GGUF file, at most."""
    memory_growth: float
    """Bytes of memory that converting takes for one byte of the file."""


FOR_VLLM = Conversion("lr_demo.serving.gguf_to_safetensors", "for vLLM", "-v1", growth=4, memory_growth=7)
"""A folder."""
TO_Q4_0 = Conversion("lr_demo.serving.gguf_to_q4_0", "to Q4_0", "-q4_0-v1.gguf", growth=1, memory_growth=4)
"""A file that llama.cpp computes with faster."""
_PROGRESS = re.compile(r"progress ([\d.]+) (.*)")
_TENSORS = re.compile(r"de-quantizing GGUF tensors.*?(\d+)%")


def converted_model(cache: Cache, source: Path, sha256: str, conversion: Conversion = FOR_VLLM) -> Path:
    """Where the converted model is, or will be; the name holds the digest of what it is made from."""
    return cache.converted / f"{source.stem}-{sha256[:16]}{conversion.ending}"


async def ensure_converted(
    cache: Cache, source: Path, sha256: str, report: Report, conversion: Conversion = FOR_VLLM
) -> Path:
    """The converted model; converts it where it is not there yet.

    Works in a process of its own, which gives its memory back. The result takes its name when it is
    complete.

    Raises:
        WeightsError: the file cannot be converted, or there is no room on disk or in memory.
    """
    model = converted_model(cache, source, sha256, conversion)
    if model.exists():
        return model
    report(None, "waiting for another conversion to end")
    async with AsyncFileLock(cache.locks / "conversion.lock"):  # one at a time: each takes much memory
        if model.exists():
            return model
        _require_room(cache, source, conversion)
        part = model.with_name(model.name + ".part")
        _remove(part)

        def on_line(line: str) -> None:
            if match := _PROGRESS.match(line):
                report(float(match[1]), f"converting {source.name}: {match[2]}")
            elif match := _TENSORS.search(line):
                share = int(match[1]) / 100
                report(0.4 + 0.3 * share, f"converting {source.name}: dequantizing, {share:.0%}")

        argv = processes.python_module(conversion.module, str(source), str(part))
        log = cache.new_log(f"convert-{source.stem}")
        environment = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONWARNINGS": "ignore"}
        try:
            ended = await processes.run(processes.Command(argv, environment), log, on_line)
            if ended.status != 0:
                why = ended.tail[-1] if ended.tail else "no output"
                raise WeightsError(
                    f"{source.name} could not be converted {conversion.purpose}: {why}; the whole log is {log}"
                )
            part.rename(model)
        finally:
            _remove(part)
    return model


def _remove(part: Path) -> None:
    """A folder or a file, if it is there."""
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _require_room(cache: Cache, source: Path, conversion: Conversion) -> None:
    size = source.stat().st_size
    cache.require_space(int(conversion.growth * size), f"converting {source.name}")
    needed, available = int(conversion.memory_growth * size), psutil.virtual_memory().available
    if available < needed:
        raise WeightsError(
            f"not enough memory to convert {source.name}: about {gigabytes(needed)} are needed once, "
            f"{gigabytes(available)} are free; close other programs, or use the profile laptop, which takes less"
        )
