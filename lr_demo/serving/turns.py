"""Servers that share a GPU load one after the other."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager


class LoadingTurns:
    """A turn for each GPU.

    While it loads, vLLM measures how much of a GPU's memory it has taken itself by what is free before and after:
    another server that loads there at the same time would be counted as its own, or fail it.
    """

    def __init__(self) -> None:
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def of(self, gpus: Iterable[int]) -> AsyncIterator[None]:
        """Wait until nobody else loads on any of these GPUs, and keep others off them."""
        async with AsyncExitStack() as turns:
            for gpu in sorted(gpus):  # in one order everywhere, so that no two wait for each other
                await turns.enter_async_context(self._turns[gpu])
            yield
