"""Run one command below a supervisor: its output goes line by line to a log and a listener, and nothing outlives it."""

import asyncio
import os
import re
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import psutil

import lr_demo
from lr_demo.serving import supervisor

STOP_GRACE_S = 2.0
"""Seconds a server has to end by itself before it is killed."""
_SUPERVISOR_GRACE_S = 1.0
"""Seconds the supervisor has beyond that."""
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


async def run(
    command: Command, log: Path, on_line: Callable[[str], None], on_start: Callable[[int], None] = lambda pid: None
) -> Ended:
    """Run a command to its end, with its output (both streams) in `log` and line by line in `on_line`.

    `on_start` hears the process id of its supervisor.

    Cancelling this ends the command and every process below it before it returns. They also end
    when this process dies, even by SIGKILL.

    Raises:
        OSError: the log cannot be written.
    """
    with log.open("ab") as file:
        output = _Output(file, on_line)
        try:
            async with _pipe() as (read_end, write_end), asyncio.TaskGroup() as group:
                try:
                    process = await _start(command, write_end)
                finally:
                    os.close(write_end)
                on_start(process.pid)
                reading = group.create_task(output.read(read_end))
                try:
                    await process.wait()
                finally:
                    await _end(process)
                    await asyncio.wait({reading})
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        assert process.returncode is not None
        return Ended(process.returncode, tuple(output.tail))


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and every one below it have used, those that ended among them; some milliseconds.

    0 where there is no such process any more.
    """
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        for process in (root := psutil.Process(pid), *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A pipe: its read end, and its write end as a file descriptor that the caller closes.

    A pipe of our own, since `Process.wait` would wait for the end of one that asyncio makes, which a
    process that outlived the supervisor may hold open.
    """
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(read_end, "rb", 0))
    try:
        yield reader, write_end
    finally:
        transport.close()


async def _start(command: Command, output: int) -> asyncio.subprocess.Process:
    """Start a command below a supervisor, which ends it when our end of its standard input closes."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", supervisor.__file__, str(STOP_GRACE_S), *command.argv),
        stdin=asyncio.subprocess.PIPE,
        stdout=output,
        stderr=output,
        env={**os.environ, **command.environment},
        cwd=Path(lr_demo.__file__).parent.parent,
        start_new_session=True,  # Ctrl-C in the terminal is the application's to handle
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    """Have the supervisor end everything; where it cannot, being stopped or killed itself, kill all there is."""
    assert process.stdin is not None
    process.stdin.close()
    below: list[int] = []
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_GRACE_S + _SUPERVISOR_GRACE_S):
                await process.wait()
    finally:
        if process.returncode is None:
            below = supervisor.descendants(process.pid)
        if process.returncode is None or process.returncode < 0:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for pid in below:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    await process.wait()


class _Output:
    """What a command writes: kept in a file, told line by line, the end of it remembered."""

    def __init__(self, file: BinaryIO, on_line: Callable[[str], None]) -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._file = file
        self._on_line = on_line

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Read to the end. A progress bar, which goes back to the start of its line, gives a line each time."""
        pending = b""
        while chunk := await stream.read(65536):
            self._file.write(chunk)
            self._file.flush()
            *lines, pending = _BREAKS.split(pending + chunk)
            if len(pending) > _LONGEST_LINE:
                lines, pending = [*lines, pending], b""
            for line in lines:
                self._hear(line)
        self._hear(pending)

    def _hear(self, line: bytes) -> None:
        if text := line.decode(errors="replace").rstrip():
            self.tail.append(text)
            self._on_line(text)
