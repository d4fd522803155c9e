"""A server that loads may be silent while it computes, or compute nothing while it speaks; in virtual time."""

import asyncio
from collections.abc import Callable

import pytest

from lr_demo import limits
from lr_demo.models.virtual_time import run_virtual
from lr_demo.serving.loading import LoadingWatch

LONG = 10 * limits.LOADING_SILENCE_S


def silent_after(
    *, line_every: float | None = None, used: Callable[[float], float] = lambda at: 0.0, pid: int | None = 1
) -> float:
    """Seconds until a server is found silent that says a line now and then, and has used so much processor time."""

    async def main() -> float:
        clock = asyncio.get_running_loop().time

        async def cpu_seconds(pid: int) -> float:
            return used(clock())

        async def speak() -> None:
            while line_every is not None:
                await asyncio.sleep(line_every)
                watch.hear(f"at {clock()}")

        watch = LoadingWatch(cpu_seconds)
        if pid is not None:
            watch.begin(pid)
        speaking = asyncio.create_task(speak())
        try:
            async with asyncio.timeout(LONG):
                await watch.until_silent()
        except TimeoutError:
            pass
        speaking.cancel()
        return clock()

    return run_virtual(main())


@pytest.mark.parametrize("pid", [1, None])
def test_a_server_that_says_and_computes_nothing_is_found_at_the_limit(pid: int | None) -> None:
    assert silent_after(pid=pid) == pytest.approx(limits.LOADING_SILENCE_S, abs=limits.HEALTH_PERIOD_S)


def test_a_line_now_and_then_is_enough() -> None:
    assert silent_after(line_every=0.9 * limits.LOADING_SILENCE_S) == LONG


def test_one_that_computes_in_silence_is_left_alone() -> None:
    assert silent_after(used=lambda at: 0.005 * at) == LONG


def test_looking_around_now_and_then_is_not_computing() -> None:
    assert silent_after(used=lambda at: 0.001 * at) < LONG


def test_one_that_stops_computing_is_found_after_that() -> None:
    found = silent_after(used=lambda at: min(at, 500.0))
    assert found == pytest.approx(500 + limits.LOADING_SILENCE_S, abs=2 * limits.HEALTH_PERIOD_S)
