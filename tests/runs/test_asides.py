"""Questions beside the runs: one at a time, few, and gone from the servers before a run begins."""

import asyncio

import pytest

from lr_demo.errors import UserError
from lr_demo.models.virtual_time import run_virtual
from lr_demo.runs.asides import MOST_WAITING, Asides


class Questions:
    """Questions that take a second each, and how many were asked at once."""

    def __init__(self) -> None:
        self.at_once = self.most = self.cancelled = 0

    async def __call__(self) -> str:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)  # what a server takes to let a request go
            self.cancelled += 1
            raise
        finally:
            self.at_once -= 1
        return "because"


def test_questions_are_asked_one_after_the_other() -> None:
    asked = Questions()

    async def several() -> list[str]:
        asides = Asides()
        return await asyncio.gather(*(asides.ask(asked) for _ in range(3)))

    assert run_virtual(several()) == ["because"] * 3
    assert asked.most == 1


def test_more_questions_than_are_let_wait_are_refused() -> None:
    async def many() -> list[str | BaseException]:
        asides, asked = Asides(), Questions()
        return await asyncio.gather(*(asides.ask(asked) for _ in range(MOST_WAITING + 1)), return_exceptions=True)

    *answered, refused = run_virtual(many())
    assert answered == ["because"] * MOST_WAITING
    assert isinstance(refused, UserError)


def test_for_a_run_questions_are_given_up_and_it_waits_until_they_are_gone() -> None:
    asked = Questions()

    async def overtaken() -> tuple[list[str | BaseException], int]:
        asides = Asides()
        group = asyncio.gather(*(asides.ask(asked) for _ in range(2)), return_exceptions=True)
        await asyncio.sleep(0.1)
        asides.give_up("a run began")
        await asides.over()
        left = asked.at_once
        return await group, left

    outcomes, left = run_virtual(overtaken())
    assert left == 0
    assert asked.cancelled == 1
    for outcome in outcomes:
        assert isinstance(outcome, UserError)
        assert "a run began" in str(outcome)


def test_a_question_whose_asker_goes_away_is_cancelled_as_any_other_work() -> None:
    async def left_alone() -> None:
        asides = Asides()
        task = asyncio.create_task(asides.ask(Questions()))
        await asyncio.sleep(0.1)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        run_virtual(left_alone())
