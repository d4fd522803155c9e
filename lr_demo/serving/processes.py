"""Run one command below a supervisor: its output goes line by line to a log and a listener, and nothing outlives it."""

import asyncio
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import lr_demo
from lr_demo.serving import supervisor

STOP_GRACE_S = 2.0
"""Seconds a server has to end by itself before it is killed."""
_TAIL_LINES = 200
_LONGEST_LINE = 4096
_BREAKS = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to this process's own environment."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended by itself."""

    status: int
    """Exit status; 128 + number where a signal ended it."""
    tail: tuple[str, ...]
    """The last lines of its output."""


def python_module(module: str, *arguments: str) -> tuple[str, ...]:
    """Arguments that run a module with this interpreter."""
    return (sys.executable, "-u", "-m", module, *arguments)


async def run(command: Command, log: Path, on_line: Callable[[str], None]) -> Ended:
    """Run a command to its end, with its output (both streams) in `log` and line by line in `on_line`.

    Cancelling this ends the command and every process below it before it returns. They also end
    when this process dies, even by SIGKILL.

    Raises:
        OSError: the log cannot be written.
    """
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            supervisor.__file__,
            str(STOP_GRACE_S),
            *command.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **command.environment},
            cwd=Path(lr_demo.__file__).parent.parent,
            start_new_session=True,  # Ctrl-C in the terminal is the application's to handle
        )
        assert process.stdin is not None
        assert process.stdout is not None
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        try:
            pending = b""
            while chunk := await process.stdout.read(65536):
                file.write(chunk)
                file.flush()
                *lines, pending = _BREAKS.split(pending + chunk)
                if len(pending) > _LONGEST_LINE:
                    lines, pending = [*lines, pending], b""
                for line in lines:
                    if text := line.decode(errors="replace").rstrip():
                        tail.append(text)
                        on_line(text)
            if pending:
                tail.append(pending.decode(errors="replace"))
            return Ended(await process.wait(), tuple(tail))
        finally:
            process.stdin.close()  # which tells the supervisor
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Wait until the supervisor has ended everything; where it cannot, kill its whole group."""
    try:
        await process.communicate()
    finally:
        if process.returncode is None or process.returncode < 0:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
