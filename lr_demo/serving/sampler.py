"""Once a second, while it runs: what every ready server counts about itself, and what the GPUs are doing."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from lr_demo.errors import NoAnswer, ServingError
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.gpus import GpuReading
from lr_demo.serving.rates import WINDOW_S, Meter, ServerFigures, together
from lr_demo.serving.telemetry import ServerMetrics

INTERVAL_S = 1.0
"""Seconds from one reading of a server to the next, where it answers in time."""
_LATE_S = 2.5 * INTERVAL_S
"""An address that takes longer keeps no others waiting: below the gap at which the page interrupts a curve."""


@dataclass(frozen=True, slots=True)
class PacePoint:
    """How fast a server wrote at one moment."""

    at: float
    """Seconds, on the clock of `Telemetry.at`."""
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class AddressReading:
    """What is known of one address of a server."""

    address: str
    figures: ServerFigures | None = None
    """From the last answer; None before the first one, and while there is a problem."""
    problem: str | None = None
    """Why it tells nothing, for people."""
    answers: bool = True
    """False where nobody answers there, with figures or without."""


@dataclass(frozen=True, slots=True)
class ServerReading:
    """What is known of one server."""

    name: str
    figures: ServerFigures | None = None
    """Of all its addresses that tell theirs, together; None where none does."""
    problem: str | None = None
    """Why none tells anything, for people."""
    pace: tuple[PacePoint, ...] = ()
    """The last minute, oldest first; of all its addresses together."""
    addresses: tuple[AddressReading, ...] = ()
    """Each that is used, in the order of its profile."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """All servers and GPUs at one moment."""

    at: float
    """Seconds, on a clock of its own."""
    servers: tuple[ServerReading, ...] = ()
    """Those that have been asked, in the order of their profile."""
    gpus: tuple[GpuReading, ...] = ()


@dataclass
class _Address:
    """One address that is asked again and again."""

    endpoint: Endpoint
    reading: AddressReading
    meter: Meter = field(default_factory=Meter)
    asked: bool = False
    """True while a question is under way: a slow server is not asked twice."""

    def forget(self) -> None:
        self.reading = AddressReading(self.endpoint.base_url)


class _Server:
    """One server, with every address of it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.addresses = [_Address(each, AddressReading(each.base_url)) for each in endpoint.each()]
        self.pace: deque[PacePoint] = deque()

    def figures(self) -> ServerFigures | None:
        known = [figures for address in self.addresses if (figures := address.reading.figures) is not None]
        return together(known) if known else None

    def keep_pace(self, now: float) -> None:
        """Remember how fast it is, once all its addresses have answered, or one keeps the others waiting."""
        figures = self.figures()
        since = now - self.pace[-1].at if self.pace else INTERVAL_S
        due = since > _LATE_S or (since > INTERVAL_S / 2 and not any(address.asked for address in self.addresses))
        if due and figures is not None and figures.tokens_per_s is not None:
            self.pace.append(PacePoint(now, figures.tokens_per_s))
        while self.pace and self.pace[0].at < now - WINDOW_S:
            self.pace.popleft()

    def reading(self, name: str) -> ServerReading:
        figures = self.figures()
        problems = [problem for address in self.addresses if (problem := address.reading.problem) is not None]
        return ServerReading(
            name,
            figures,
            "; ".join(problems) if problems and figures is None else None,
            tuple(self.pace),
            tuple(address.reading for address in self.addresses),
        )


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
                        for address in server.addresses:
                            if not address.asked:
                                address.asked = True
                                group.create_task(self._ask(name, server, address))
                    if gpus is None or gpus.done():
                        gpus = group.create_task(self._ask_gpus())
                    await asyncio.sleep(INTERVAL_S)
        finally:  # who looks later must not take these for the present
            for server in self._servers.values():
                for address in server.addresses:
                    address.forget()
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

    async def _ask(self, name: str, server: _Server, address: _Address) -> None:
        url = address.endpoint.base_url
        try:
            metrics = await self._read(address.endpoint)
        except ServingError as error:
            address.reading = AddressReading(url, problem=str(error), answers=not isinstance(error, NoAnswer))
        else:
            address.reading = AddressReading(url, address.meter.take(metrics, asyncio.get_running_loop().time()))
        finally:
            address.asked = False
        server.keep_pace(asyncio.get_running_loop().time())
        if self._servers.get(name) is server:
            self._tell()

    async def _ask_gpus(self) -> None:
        gpus = await self._read_gpus()
        if gpus or self._latest.gpus:
            self._tell(gpus)

    def _tell(self, gpus: tuple[GpuReading, ...] | None = None) -> None:
        servers = tuple(server.reading(name) for name, server in self._servers.items())
        now = asyncio.get_running_loop().time()
        self._latest = Telemetry(now, servers, self._latest.gpus if gpus is None else gpus)
        self._on_change()
