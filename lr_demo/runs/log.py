"""The event log of one run: appended to by the engine, followed by any number of viewers in any threads."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol, TypeVar

from lr_demo.events import Event, RunFinished, to_json_line
from lr_demo.runs.signal import FRAME_S, Signal

MAX_BATCH = 2_000
"""Most events a follower gets at once: a late joiner of a long run is served in pieces."""

T = TypeVar("T")


class Sink(Protocol):
    """Where the lines of a log go as they are written."""

    @property
    def error(self) -> str | None:
        """Why nothing is written any more, for people; None while all is well."""
        ...

    def write(self, line: bytes) -> None:
        """Take one line, line break included. Never raises."""
        ...

    def close(self) -> None:
        """The run has ended: no line follows."""
        ...


class EventLog:
    """Append-only log of one run.

    One thread appends; reading and following is safe from any thread and event loop. The engine
    never waits for a viewer: it appends, writes one line to the sink and rings each waiting loop at
    most once per frame. Every event is encoded once, by the log; viewers share the line.
    """

    def __init__(
        self,
        run: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sink: Sink | None = None,
        frame_s: float = FRAME_S,
    ) -> None:
        self.run = run
        self._clock = clock
        self._sink = sink
        self._began: float | None = None
        self._events: list[Event] = []
        self._lines: list[str] = []
        self._finished: RunFinished | None = None
        self._changes = Signal(frame_s)

    @classmethod
    def replay(cls, run: str, events: Sequence[Event], lines: Sequence[str]) -> "EventLog":
        """A log that is complete: what a trace held, as it was stamped then."""
        log = cls(run)
        log._lines, log._events = list(lines), list(events)
        last = log._events[-1] if log._events else None
        log._finished = last if isinstance(last, RunFinished) else None
        return log

    def append(self, event: Event, at: float | None = None) -> None:
        """Stamp an event with run, number and time, and take it. The first one starts the run's clock.

        `at` is when it happened, on the log's clock, where that was before now.

        Raises:
            RuntimeError: the run has finished.
        """
        if self._finished is not None:
            raise RuntimeError(f"run {self.run} has finished; nothing can follow, not even {event.type}")
        now = self._clock() if at is None else at
        if self._began is None:
            self._began = now
        event.stamp(self.run, len(self._events), round(now - self._began, 6))
        line = to_json_line(event)
        if self._sink is not None:
            self._sink.write(line.encode() + b"\n")
        self._lines.append(line)  # before the event: readers count events
        self._events.append(event)
        if isinstance(event, RunFinished):
            self._finished = event
            if self._sink is not None:
                self._sink.close()
        self._changes.notify()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def finished(self) -> RunFinished | None:
        """The last event of a run that has ended."""
        return self._finished

    @property
    def first(self) -> Event | None:
        """The first event; None where none was appended yet."""
        return self._events[0] if self._events else None

    @property
    def trace_error(self) -> str | None:
        """Why the trace is not being written any more, one sentence; None while it is."""
        return self._sink.error if self._sink is not None else None

    def events(self, after: int = -1) -> list[Event]:
        """The events so far with a number greater than `after`."""
        return self._events[max(0, after + 1) :]

    def lines(self, after: int = -1) -> list[str]:
        """The same as `events`, each as its line of JSON."""
        return self._lines[max(0, after + 1) : len(self._events)]

    def follow(self, after: int = -1) -> AsyncGenerator[list[Event], None]:
        """Batches of events with numbers greater than `after`: those there are, then live; ends with the run."""
        return self._follow(self._events, after)

    def follow_lines(self, after: int = -1) -> AsyncGenerator[list[str], None]:
        """The same as `follow`, each event as its line of JSON."""
        return self._follow(self._lines, after)

    async def _follow(self, items: list[T], after: int) -> AsyncGenerator[list[T], None]:
        begin = max(0, after + 1)
        with self._changes.listen() as listener:
            while True:
                version, finished = self._changes.version, self._finished
                end = min(len(self._events), begin + MAX_BATCH)
                if begin < end:
                    yield items[begin:end]
                    begin = end
                elif finished is not None:
                    return
                else:
                    await listener.wait(version)
