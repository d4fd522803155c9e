"""How an engine is started: command, environment, and what its log says on the way up; llama.cpp's start."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lr_demo.config import LlamaCppServer, NgramSpeculation
from lr_demo.serving import llama_server
from lr_demo.serving.processes import Command, python_module

HOST = "127.0.0.1"
_SPINS = "1000"
"""Turns a thread of llama.cpp waits at a barrier before it gives its core away (GNU OpenMP). Draft and target share
the cores: with the library's own number each waits for a thread that cannot run because it waits. Measured on two
cores, 1.5B target and 0.5B draft with two threads each: 128 ms a target token instead of 240 to 640; alone the same."""


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


def milestones(*lines: tuple[str, float, str]) -> tuple[Milestone, ...]:
    """Milestones from pattern, share and sentence."""
    return tuple(Milestone(re.compile(pattern), share, sentence) for pattern, share, sentence in lines)


_LLAMA_MILESTONES = milestones(
    ("loading model", 0.1, "reading the model file"),
    ("llama threadpool init", 0.7, "preparing the context"),
    ("model loaded", 0.95, "loaded"),
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
