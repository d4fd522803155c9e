"""Tells any number of waiters, in any event loops, that something changed; costs the notifier next to nothing."""

import asyncio
import itertools
import threading
from types import TracebackType
from typing import Self

FRAME_S = 1 / 60
"""Least time between two wake-ups of one loop, seconds: what a viewer could show anyway."""


class Signal:
    """A change that others wait for.

    `notify` may be called from any thread. It wakes each waiting event loop at most once per frame,
    however many waiters that loop has and however many changes came: a loop that has been rung is
    not rung again before its waiters have run.
    """

    def __init__(self, frame_s: float = FRAME_S) -> None:
        self.version = 0
        """Another number after every change; what a waiter compares."""
        self._versions = itertools.count(1)
        self._frame_s = frame_s
        self._bells: tuple[_Bell, ...] = ()
        self._lock = threading.Lock()

    def notify(self) -> None:
        """Something changed. A fraction of a microsecond where no loop waits."""
        self.version = next(self._versions)  # atomic, unlike +=: two notifiers never share a number
        for bell in self._bells:
            if bell.armed:
                bell.armed = False
                self._ring(bell)

    def listen(self) -> "Listener":
        """A place to wait, in the running event loop; used as a context manager."""
        return Listener(self)

    def _ring(self, bell: "_Bell") -> None:
        try:
            bell.loop.call_soon_threadsafe(bell.rung)
        except RuntimeError:  # the loop was closed without saying goodbye
            with self._lock:
                self._bells = tuple(other for other in self._bells if other is not bell)

    def _join(self) -> "_Bell":
        loop = asyncio.get_running_loop()
        with self._lock:
            for bell in self._bells:
                if bell.loop is loop:
                    bell.users += 1
                    return bell
            bell = _Bell(loop, self._frame_s)
            self._bells = (*self._bells, bell)
            return bell

    def _leave(self, bell: "_Bell") -> None:
        with self._lock:
            bell.users -= 1
            if bell.users == 0:
                self._bells = tuple(other for other in self._bells if other is not bell)


class Listener:
    """Waits for changes of one signal, in one event loop."""

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self._bell: _Bell | None = None

    def __enter__(self) -> Self:
        self._bell = self._signal._join()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bell is not None:
            self._signal._leave(self._bell)

    async def wait(self, seen: int) -> None:
        """Until the signal's version is another than `seen`: read the version first, then the data, then wait."""
        assert self._bell is not None, "a listener waits inside its with block"
        while self._signal.version == seen:
            pending = self._bell.arm()
            if self._signal.version != seen:  # changed between the look and the arming
                return
            await pending.wait()


class _Bell:
    """One event loop's waiters on one signal. Everything but `armed` is touched in that loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, frame_s: float) -> None:
        self.loop = loop
        self.users = 1
        self.armed = False
        """True while waiters wait and no wake-up is under way."""
        self._frame_s = frame_s
        self._pending: asyncio.Event | None = None
        self._under_way = False
        self._next = float("-inf")

    def arm(self) -> asyncio.Event:
        """What the next wake-up sets."""
        if self._pending is None:
            self._pending = asyncio.Event()
        if not self._under_way:
            self.armed = True
        return self._pending

    def rung(self) -> None:
        if self._under_way:
            return
        self._under_way = True
        if self.loop.time() >= self._next:
            self._wake()
        else:
            self.loop.call_at(self._next, self._wake)

    def _wake(self) -> None:
        self._under_way = False
        self._next = self.loop.time() + self._frame_s
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.set()
