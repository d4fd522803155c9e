"""The line from which runs that are measured at the same time begin together."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class StartingLine:
    """Holds runs until each has got ready or has failed to: getting one ready must not disturb another's clock."""

    def __init__(self, runs: int) -> None:
        self._missing = runs
        self._open = asyncio.Event()

    @contextmanager
    def getting_ready(self) -> Iterator[None]:
        """Around what one run does before it begins; entered once by every run, whatever becomes of it."""
        try:
            yield
        finally:
            self._missing -= 1
            if self._missing == 0:
                self._open.set()

    async def go(self) -> None:
        """Until all others have got ready, or failed to."""
        await self._open.wait()
