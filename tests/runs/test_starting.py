"""Runs of one turn begin together, and one that cannot begin holds up none."""

import asyncio
import contextlib

from lr_demo.models.virtual_time import run_virtual
from lr_demo.runs.starting import StartingLine


def test_the_quick_wait_for_the_slow() -> None:
    async def begun(line: StartingLine, seconds: float) -> float:
        with line.getting_ready():
            await asyncio.sleep(seconds)
        await line.go()
        return asyncio.get_running_loop().time()

    async def both() -> list[float]:
        line = StartingLine(2)
        return list(await asyncio.gather(begun(line, 1), begun(line, 5)))

    assert run_virtual(both()) == [5, 5]


def test_one_that_fails_or_is_stopped_holds_up_none() -> None:
    async def fails(line: StartingLine) -> None:
        with contextlib.suppress(ValueError), line.getting_ready():
            await asyncio.sleep(2)
            raise ValueError

    async def waits(line: StartingLine) -> None:
        with line.getting_ready():
            await asyncio.sleep(1000)

    async def goes(line: StartingLine) -> float:
        with line.getting_ready():
            pass
        await line.go()
        return asyncio.get_running_loop().time()

    async def all_three() -> float:
        line = StartingLine(3)
        stopped = asyncio.create_task(waits(line))
        failed = asyncio.create_task(fails(line))
        asyncio.get_running_loop().call_later(3, stopped.cancel)
        when = await goes(line)
        await asyncio.gather(stopped, failed, return_exceptions=True)
        return when

    assert run_virtual(all_three()) == 3
