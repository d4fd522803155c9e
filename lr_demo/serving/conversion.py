"""Models converted from GGUF to what vLLM reads, once, kept in the cache."""

import re
import shutil
from pathlib import Path

import psutil
from filelock import AsyncFileLock

from lr_demo.errors import WeightsError
from lr_demo.serving import processes
from lr_demo.serving.cache import Cache, gigabytes
from lr_demo.serving.progress import Report

_GROWTH = 4
"""Bytes of bfloat16 that come from one byte of a 4-bit GGUF file, at most."""
_MEMORY_GROWTH = 7
"""Bytes of memory that converting takes for one byte of the file."""
_VERSION = 1
"""Raised when the converter writes something else, so that old results are not used."""
_PROGRESS = re.compile(r"progress ([\d.]+) (.*)")
_TENSORS = re.compile(r"de-quantizing GGUF tensors.*?(\d+)%")


def converted_folder(cache: Cache, source: Path, sha256: str) -> Path:
    """Where the converted model is, or will be; the name holds the digest of what it is made from."""
    return cache.converted / f"{source.stem}-{sha256[:16]}-v{_VERSION}"


async def ensure_converted(cache: Cache, source: Path, sha256: str, report: Report) -> Path:
    """The folder of the converted model; converts it where it is not there yet.

    Works in a process of its own, which gives its memory back. The folder takes its name when it is
    complete.

    Raises:
        WeightsError: the file cannot be converted, or there is no room on disk or in memory.
    """
    folder = converted_folder(cache, source, sha256)
    if folder.is_dir():
        return folder
    report(None, "waiting for another conversion to end")
    async with AsyncFileLock(cache.locks / "conversion.lock"):  # one at a time: each takes much memory
        if folder.is_dir():
            return folder
        _require_room(cache, source)
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()

        def on_line(line: str) -> None:
            if match := _PROGRESS.match(line):
                report(float(match[1]), f"converting {source.name}: {match[2]}")
            elif match := _TENSORS.search(line):
                share = int(match[1]) / 100
                report(0.4 + 0.3 * share, f"converting {source.name}: dequantizing, {share:.0%}")

        argv = processes.python_module("lr_demo.serving.gguf_to_safetensors", str(source), str(part))
        log = cache.new_log(f"convert-{source.stem}")
        environment = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONWARNINGS": "ignore"}
        try:
            ended = await processes.run(processes.Command(argv, environment), log, on_line)
            if ended.status != 0:
                raise WeightsError(
                    f"{source.name} could not be converted for vLLM: {ended.tail[-1] if ended.tail else 'no output'}; "
                    f"the whole log is {log}"
                )
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def _require_room(cache: Cache, source: Path) -> None:
    size = source.stat().st_size
    cache.require_space(_GROWTH * size, f"converting {source.name}")
    needed, available = _MEMORY_GROWTH * size, psutil.virtual_memory().available
    if available < needed:
        raise WeightsError(
            f"not enough memory to convert {source.name}: about {gigabytes(needed)} are needed once, "
            f"{gigabytes(available)} are free; close other programs, or use the profile laptop, which converts nothing"
        )
