"""What the servers are doing, for whoever watches; while nobody does, no server is asked for anything."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Protocol, TypeVarTuple

import httpx

from lr_demo.runs.signal import Signal
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.gpus import GpuMeter
from lr_demo.serving.sampler import Sampler, Telemetry
from lr_demo.serving.telemetry import ServerMetrics, read_live_metrics

Ts = TypeVarTuple("Ts")
_logger = logging.getLogger(__name__)


class Call(Protocol):
    """Has a function called in the engine's loop, from any thread."""

    def __call__(self, function: Callable[[*Ts], object], *args: *Ts) -> None: ...


class Watch:
    """Counts viewers, and samples in the engine's loop while there is one.

    Args:
        reachable: the servers that can be asked, by name; called in the engine's loop.
        call: the way into that loop.
    """

    def __init__(self, reachable: Callable[[], Mapping[str, Endpoint]], call: Call) -> None:
        self._call = call
        self._changes = Signal()
        self._gpus = GpuMeter()
        self._sampler = Sampler(reachable, self._read, self._gpus.read, self._changes.notify)
        self._client: httpx.AsyncClient | None = None
        self._viewers = 0
        self._sampling: asyncio.Task[None] | None = None
        self._closed = False

    async def follow(self) -> AsyncGenerator[Telemetry, None]:
        """What is known now, then after every answer of a server, until the engine closes. From any loop."""
        self._call(self._join)
        try:
            with self._changes.listen() as listener:
                while not self._closed:
                    version = self._changes.version
                    yield self._sampler.latest
                    await listener.wait(version)
        finally:
            self._call(self._leave)

    async def close(self) -> None:
        """Let viewers go and end the sampling; in the engine's loop."""
        self._closed = True
        self._changes.notify()
        if self._sampling is not None:
            self._sampling.cancel()
            await asyncio.wait({self._sampling})
        await self._gpus.close()
        if self._client is not None:
            await self._client.aclose()

    def _join(self) -> None:
        self._viewers += 1
        if self._viewers == 1 and not self._closed:
            self._sampling = asyncio.create_task(self._sample(self._sampling))

    def _leave(self) -> None:
        self._viewers -= 1
        if self._viewers == 0 and self._sampling is not None:
            self._sampling.cancel()

    async def _sample(self, before: asyncio.Task[None] | None) -> None:
        try:
            if before is not None:
                await asyncio.wait({before})
            if self._client is None:  # made once and apart: it takes the time of some tokens
                self._client = await asyncio.to_thread(httpx.AsyncClient)
            await self._sampler.run()
        except Exception:
            _logger.exception("the servers are not sampled any more")

    async def _read(self, endpoint: Endpoint) -> ServerMetrics:
        assert self._client is not None, "it is made before the first question"
        return await read_live_metrics(endpoint, self._client)
