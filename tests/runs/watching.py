"""Watching runs and fleets to a point that a test waits for."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from lr_demo.runs.engine_thread import FleetView
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunHandle, RunPhase

LIMIT_S = 30
T = TypeVar("T")


def _elsewhere(watching: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a thread of its own: Playwright keeps a loop running in that of a browser test."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, watching).result()


def wait(handle: RunHandle) -> RunPhase:
    """Follow a run to its end."""

    async def follow() -> None:
        async with asyncio.timeout(LIMIT_S):
            async for _ in handle.log.follow():
                pass

    _elsewhere(follow())
    return handle.phase


def until_running(handle: RunHandle) -> None:
    """Until a run has written something."""

    async def follow() -> None:
        async with asyncio.timeout(LIMIT_S):
            async for _ in handle.log.follow():
                if len(handle.log) > 3:
                    return

    _elsewhere(follow())


def until_fleet(manager: RunManager, fits: Callable[[FleetView], bool]) -> list[FleetView]:
    """What was told of the fleet until a view of it fits, which is the last one."""

    async def follow() -> list[FleetView]:
        seen = []
        async with asyncio.timeout(LIMIT_S):
            async for view in manager.follow_fleet():
                seen.append(view)
                if fits(view):
                    break
        return seen

    return _elsewhere(follow())
