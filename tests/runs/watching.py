"""Watching runs and fleets from a test's own thread."""

import asyncio
from collections.abc import Callable

from lr_demo.runs.engine_thread import FleetView
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunHandle, RunPhase

LIMIT_S = 30


def wait(handle: RunHandle) -> RunPhase:
    """Follow a run to its end."""

    async def follow() -> None:
        async with asyncio.timeout(LIMIT_S):
            async for _ in handle.log.follow():
                pass

    asyncio.run(follow())
    return handle.phase


def until_running(handle: RunHandle) -> None:
    """Until a run has written something."""

    async def follow() -> None:
        async with asyncio.timeout(LIMIT_S):
            async for _ in handle.log.follow():
                if len(handle.log) > 3:
                    return

    asyncio.run(follow())


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

    return asyncio.run(follow())
