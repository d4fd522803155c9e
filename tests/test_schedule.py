"""The benchmark of the schedule measures what it says it measures; in virtual time."""

import asyncio

import pytest

from lr_demo.benchmark.schedule import Measured, measure, servers_alone
from lr_demo.models.virtual_time import run_virtual


@pytest.fixture(scope="module")
def recorded() -> Measured:
    return run_virtual(measure(0.6, 6, record=True))


def test_the_schedule_is_within_half_a_percent_of_the_ideal_one(recorded: Measured) -> None:
    assert recorded.over_ideal == pytest.approx(1.0, abs=0.005)
    assert recorded.over_kept == pytest.approx(1.0, abs=0.005)  # these servers are never late
    assert recorded.schedule_s < recorded.plain_s


def test_recording_the_requests_changes_nothing(recorded: Measured) -> None:
    plain = run_virtual(measure(0.6, 6))
    assert (plain.schedule_s, plain.events) == (recorded.schedule_s, recorded.events)
    assert not plain.asked


def test_the_servers_alone_get_every_request_again_and_take_as_long(recorded: Measured) -> None:
    async def duration() -> float:
        began = asyncio.get_running_loop().time()
        await servers_alone(recorded.asked)
        return asyncio.get_running_loop().time() - began

    last = max(each.at_s for each in recorded.asked)
    assert last < run_virtual(duration()) <= recorded.schedule_s
