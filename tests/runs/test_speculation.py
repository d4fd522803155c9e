"""The token-level speculation of a run is what its server counted meanwhile, where it tells."""

import asyncio

import pytest

from lr_demo.errors import ServingError
from lr_demo.events import TokenSpeculation
from lr_demo.models.virtual_time import run_virtual
from lr_demo.runs.speculation import READ_WITHIN_S, SpeculationMeter


def counted(drafts: int, proposed: int, accepted: int) -> TokenSpeculation:
    return TokenSpeculation(drafts=drafts, proposed_tokens=proposed, accepted_tokens=accepted)


def measured(*answers: TokenSpeculation | Exception) -> TokenSpeculation | None:
    """What a meter says of a server that answers so."""
    said = iter(answers)

    async def read() -> TokenSpeculation:
        answer = next(said)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run() -> TokenSpeculation | None:
        meter = SpeculationMeter(read)
        await meter.begin()
        return await meter.end()

    return run_virtual(run())


def test_a_run_s_speculation_is_the_difference_of_the_counters() -> None:
    during = measured(counted(10, 60, 20), counted(15, 90, 35))
    assert during == counted(5, 30, 15)
    assert during is not None
    assert (during.acceptance_rate, during.mean_accepted_length) == (0.5, 4.0)


def test_a_run_in_which_nothing_was_proposed_has_no_rate() -> None:
    during = measured(counted(10, 60, 20), counted(10, 60, 20))
    assert during == counted(0, 0, 0)
    assert during is not None
    assert (during.acceptance_rate, during.mean_accepted_length) == (None, None)


@pytest.mark.parametrize("when", [0, 1])
def test_a_server_that_tells_nothing_is_no_failure(when: int) -> None:
    answers: list[TokenSpeculation | Exception] = [counted(1, 2, 1), counted(2, 4, 2)]
    answers[when] = ServingError("it has no such page")
    assert measured(*answers) is None


def test_a_server_that_began_anew_in_between_is_not_counted() -> None:
    assert measured(counted(10, 60, 20), counted(3, 18, 6)) is None


def test_a_server_that_hangs_is_not_waited_for() -> None:
    async def read() -> TokenSpeculation:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def run() -> float:
        meter = SpeculationMeter(read)
        await meter.begin()
        assert await meter.end() is None
        return asyncio.get_running_loop().time()

    assert run_virtual(run()) == READ_WITHIN_S
