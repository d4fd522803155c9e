"""A bounded number of places at a server, given to the most urgent first."""

import heapq
import itertools
from collections.abc import Callable

Start = Callable[[], bool]
"""Starts the work and says True, or says False where it is no longer wanted."""


class Slots:
    """At most `limit` pieces of work at once. Work starts inside `request` or `release`; nothing waits or polls."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: list[tuple[int, int, Start]] = []
        self._order = itertools.count()

    def request(self, urgency: int, start: Start) -> None:
        """Start now, or when a place is free: lowest urgency number first, then first come."""
        heapq.heappush(self._waiting, (urgency, next(self._order), start))
        self._fill()

    def release(self) -> None:
        """A piece of work has ended."""
        self._free += 1
        self._fill()

    def _fill(self) -> None:
        while self._free and self._waiting:
            start = heapq.heappop(self._waiting)[2]
            if start():
                self._free -= 1
