"""Why a server died, as far as its log tells."""

import re
from collections.abc import Sequence
from pathlib import Path

from lr_demo.serving.processes import Ended

PORT_IN_USE = re.compile(r"address already in use|couldn't bind", re.IGNORECASE)
_REASONS: Sequence[tuple[re.Pattern[str], str]] = (
    (PORT_IN_USE, "its port is in use by another program"),
    (
        re.compile(r"out of memory|Cannot allocate memory|MemoryError|bad_alloc|less than (desired|requested)", re.I),
        "there is not enough memory: close other programs, or use a profile with smaller models",
    ),
    (
        re.compile(r"No available memory for the cache blocks|max seq len.*larger than the maximum", re.I),
        "the KV cache is too small for the context length: raise kv_cache_gib or lower max_model_len in the profile",
    ),
    (
        re.compile(r"No module named '?(xllamacpp|vllm|torch)"),
        "the engine is not installed: run `make setup`",
    ),
    (
        re.compile(r"failed to (load model|read)|invalid magic|not.*valid GGUF|HeaderTooLarge|SafetensorError"),
        "the model file is damaged or of a kind this engine does not read",
    ),
    (re.compile(r"unrecognized arguments"), "the engine does not know an option of the profile (extra_args)"),
    (re.compile(r"No space left on device"), "the disk is full"),
)
_SHOWN_LINES = 8
_NOISE = re.compile(r"^\s*$|Traceback|^\s+File |^\s*\^+\s*$|^\(\w+ pid=\d+\)\s+File ")
_KILLED = 128 + 9


def likely_reason(ended: Ended) -> str:
    """The likely reason in words, and what to do about it."""
    output = "\n".join(ended.tail)
    for pattern, reason in _REASONS:
        if pattern.search(output):
            return reason
    if ended.status == _KILLED:
        return "it was killed, most likely because memory ran out: use a profile with smaller models"
    return f"it ended with status {ended.status}"


def obituary(name: str, ended: Ended, log: Path) -> str:
    """What to tell people about a server that died: the likely reason, the last lines, the log."""
    lines = [line for line in ended.tail if not _NOISE.search(line)][-_SHOWN_LINES:]
    last = "\n".join(f"  {line[:300]}" for line in lines) or "  (it said nothing)"
    return f"the server {name} died: {likely_reason(ended)}. Its last lines:\n{last}\nThe whole log is {log}"
