"""Finds a server that hangs while it loads: it says nothing, and its processes use no processor time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from lr_demo import limits
from lr_demo.serving import processes
from lr_demo.serving.diagnosis import likely_wait

_TAIL_LINES = 200


async def _cpu_seconds(pid: int) -> float:
    return await asyncio.to_thread(processes.cpu_seconds, pid)


class LoadingWatch:
    """Hears of one start of a server. What it does not say it may compute: `cpu_seconds` tells of a process id."""

    def __init__(self, cpu_seconds: Callable[[int], Awaitable[float]] = _cpu_seconds) -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        """The last lines of its log."""
        self._cpu_seconds = cpu_seconds
        self._pid: int | None = None
        self._lines = 0

    def begin(self, pid: int) -> None:
        """Its processes are this one and those below it."""
        self._pid = pid

    def hear(self, line: str) -> None:
        """Take one line of its log."""
        self.tail.append(line)
        self._lines += 1

    async def until_silent(self) -> None:
        """Returns when there was no line, and no processor time worth the name, for `limits.LOADING_SILENCE_S`."""
        clock = asyncio.get_running_loop().time
        since, lines, used = clock(), 0, 0.0
        while clock() - since < limits.LOADING_SILENCE_S:
            await asyncio.sleep(limits.HEALTH_PERIOD_S)
            now = await self._cpu_seconds(self._pid) if self._pid is not None else 0.0
            if self._lines != lines or now - used >= limits.LOADING_CPU_S:
                since, lines, used = clock(), self._lines, now

    def verdict(self) -> str:
        """What to say of a server that was silent for too long, with what it most likely waits for."""
        return (
            f"it hung while it was loading, without a line in its log and without processor time for "
            f"{limits.LOADING_SILENCE_S:g} s; {likely_wait(self.tail)}"
        )
