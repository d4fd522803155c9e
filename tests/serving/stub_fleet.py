"""A fleet whose engine is the stand-in, and what tests want to wait for in it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import psutil

from lr_demo.config import Profile, RoleMap, ServerConfig, VllmServer
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.status import ServerState
from tests.serving.small_models import NOWHERE, ScriptedSource

STARTS = "starts"


class Engine(Protocol):
    """Makes a server with the given behaviour at each start; its starts are counted under a name."""

    def __call__(
        self, behaviour: str, counted_as: str = STARTS, *, on_demand: bool = False, gpus: tuple[int, ...] = ()
    ) -> VllmServer: ...


def profile(target: ServerConfig, **more: ServerConfig) -> Profile:
    """Target and judge on one server, and others."""
    roles = RoleMap(target="target", judge="target", draft="draft" if "draft" in more else None)
    return Profile(name="test", description="a test", servers={"target": target, **more}, roles=roles)


def starts(tmp_path: Path, counted_as: str = STARTS) -> int:
    """How often an engine was started."""
    counter = tmp_path / counted_as
    return int(counter.read_text()) if counter.exists() else 0


def processes_below() -> set[int]:
    """Process ids of everything this process has started, and what that has started."""
    return {process.pid for process in psutil.Process().children(recursive=True)}


class Watched:
    """A fleet whose changes can be waited for."""

    def __init__(self, profile: Profile, cache: Path, sources: tuple[ScriptedSource, ...] = (NOWHERE,)) -> None:
        self.shown: list[tuple[ServerState, float | None, str]] = []
        """What was shown of the first server."""
        self._changed = asyncio.Event()
        self._others = processes_below()  # servers that other tests share
        self.fleet = Fleet(profile, cache=cache, on_change=self._on_change, sources=sources)

    def processes(self) -> list[int]:
        """Process ids of the fleet's servers, supervisors among them."""
        return sorted(processes_below() - self._others)

    def _on_change(self) -> None:
        status = self.fleet.statuses()[0]
        if (news := (status.state, status.progress, status.detail)) not in self.shown[-1:]:
            self.shown.append(news)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a change after which the condition holds."""
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_loading(self) -> None:
        """Wait until the first server's process has said something."""
        await self.until(lambda: bool(self.shown) and (self.shown[-1][1] or 0) > 0.1)

    def times(self, state: ServerState) -> int:
        """How often the first server came into a state."""
        states = [shown for shown, _, _ in self.shown]
        return sum(new is state and old is not state for old, new in zip([None, *states], states, strict=False))


def up(
    tmp_path: Path, server: ServerConfig, then: Callable[[Watched], Awaitable[None]], **more: ServerConfig
) -> Watched:
    """Start a fleet, do something with it, stop it."""
    watched = Watched(profile(server, **more), tmp_path / "cache")

    async def scenario() -> None:
        try:
            await watched.fleet.start()
            await then(watched)
        finally:
            await watched.fleet.stop()

    asyncio.run(scenario())
    return watched
