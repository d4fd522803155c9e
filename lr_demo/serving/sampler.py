"""Once a second, while it runs: what every ready server counts about itself, and what the GPUs are doing."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from lr_demo.errors import ServingError
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.gpus import GpuReading
from lr_demo.serving.rates import WINDOW_S, Meter, ServerFigures
from lr_demo.serving.telemetry import ServerMetrics

INTERVAL_S = 1.0
"""Seconds from one reading of a server to the next, where it answers in time."""


@dataclass(frozen=True, slots=True)
class PacePoint:
    """How fast a server wrote at one moment."""

    at: float
    """Seconds, on the clock of `Telemetry.at`."""
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class ServerReading:
    """What is known of one server."""

    name: str
    figures: ServerFigures | None = None
    """From the last answer; None before the first one, and while there is a problem."""
    problem: str | None = None
    """Why it tells nothing, for people."""
    pace: tuple[PacePoint, ...] = ()
    """The last minute, oldest first."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """All servers and GPUs at one moment."""

    at: float
    """Seconds, on a clock of its own."""
    servers: tuple[ServerReading, ...] = ()
    """Those that have been asked, in the order of their profile."""
    gpus: tuple[GpuReading, ...] = ()


@dataclass
class _Server:
    """One server that is asked again and again."""

    endpoint: Endpoint
    meter: Meter = field(default_factory=Meter)
    pace: deque[PacePoint] = field(default_factory=deque)
    figures: ServerFigures | None = None
    problem: str | None = None
    asked: bool = False
    """True while a question is under way: a slow server is not asked twice."""


class Sampler:
    """Reads servers and GPUs while `run` runs; asks nothing before and after.

    Args:
        reachable: the servers that are ready, by name.
        read: one server's counters; raises ServingError where it does not answer in time.
        read_gpus: every GPU.
        on_change: called after every answer.
    """

    def __init__(
        self,
        reachable: Callable[[], Mapping[str, Endpoint]],
        read: Callable[[Endpoint], Awaitable[ServerMetrics]],
        read_gpus: Callable[[], Awaitable[tuple[GpuReading, ...]]],
        on_change: Callable[[], None],
    ) -> None:
        self._reachable = reachable
        self._read = read
        self._read_gpus = read_gpus
        self._on_change = on_change
        self._servers: dict[str, _Server] = {}
        self._latest = Telemetry(0.0)

    @property
    def latest(self) -> Telemetry:
        """What is known now; may be asked for from any thread."""
        return self._latest

    async def run(self) -> NoReturn:
        """Sample until cancelled."""
        gpus: asyncio.Task[None] | None = None
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._meet(self._reachable())
                    for name, server in self._servers.items():
                        if not server.asked:
                            server.asked = True
                            group.create_task(self._ask(name, server))
                    if gpus is None or gpus.done():
                        gpus = group.create_task(self._ask_gpus())
                    await asyncio.sleep(INTERVAL_S)
        finally:  # who looks later must not take these for the present
            for server in self._servers.values():
                server.figures = server.problem = None
            self._tell(())

    def _meet(self, reachable: Mapping[str, Endpoint]) -> None:
        """Forget the servers that are gone; one that moved is another one."""
        known = self._servers
        self._servers = {
            name: known[name] if name in known and known[name].endpoint == endpoint else _Server(endpoint)
            for name, endpoint in reachable.items()
        }
        if known.keys() != self._servers.keys():
            self._tell()

    async def _ask(self, name: str, server: _Server) -> None:
        clock = asyncio.get_running_loop().time
        try:
            metrics = await self._read(server.endpoint)
        except ServingError as error:
            server.figures, server.problem = None, str(error)
        else:
            now = clock()
            server.figures, server.problem = server.meter.take(metrics, now), None
            if server.figures.tokens_per_s is not None:
                server.pace.append(PacePoint(now, server.figures.tokens_per_s))
            while server.pace and server.pace[0].at < now - WINDOW_S:
                server.pace.popleft()
        finally:
            server.asked = False
        if self._servers.get(name) is server:
            self._tell()

    async def _ask_gpus(self) -> None:
        gpus = await self._read_gpus()
        if gpus or self._latest.gpus:
            self._tell(gpus)

    def _tell(self, gpus: tuple[GpuReading, ...] | None = None) -> None:
        servers = tuple(
            ServerReading(name, server.figures, server.problem, tuple(server.pace))
            for name, server in self._servers.items()
        )
        now = asyncio.get_running_loop().time()
        self._latest = Telemetry(now, servers, self._latest.gpus if gpus is None else gpus)
        self._on_change()
