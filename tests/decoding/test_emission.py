"""What models write becomes few events, soon, and none of it is lost or late for the end of its step."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo.decoding.emission import FRAME_S, Emission
from lr_demo.events import CycleStarted, Event, Role, StepCancelled, StepDelta, StepFinish, StepFinished
from lr_demo.models.virtual_time import run_virtual
from lr_demo.run_state import StepKey

TARGET, DRAFT = StepKey(0, Role.TARGET), StepKey(3, Role.DRAFT, 1)


def finished(key: StepKey) -> StepFinished:
    position, role, alternative = key
    return StepFinished(
        position=position,
        role=role,
        alternative=alternative,
        token_ids=[1],
        text="",
        finish=StepFinish.BOUNDARY,
    )


async def _told(
    work: Callable[[Emission], None], wait_s: float = 0.0, *, speculates: bool = False
) -> list[tuple[float, Event]]:
    """What was emitted, and when."""
    clock = asyncio.get_running_loop().time
    told: list[tuple[float, Event]] = []
    work(Emission(lambda event: told.append((clock(), event)), speculates=speculates))
    await asyncio.sleep(wait_s)
    return told


def test_tokens_of_a_moment_are_one_event_for_each_step() -> None:
    def work(emission: Emission) -> None:
        for word in ("one", " two", " three"):
            emission.delta(TARGET, word, 1)
            emission.delta(DRAFT, word.upper(), 2)

    told = run_virtual(_told(work, wait_s=1.0))
    assert [at for at, _ in told] == [pytest.approx(FRAME_S)] * 2
    assert [event for _, event in told] == [
        StepDelta(position=0, role=Role.TARGET, text="one two three", tokens=3),
        StepDelta(position=3, role=Role.DRAFT, alternative=1, text="ONE TWO THREE", tokens=6),
    ]


@pytest.mark.parametrize("end", [finished(DRAFT), StepCancelled(position=3, role=Role.DRAFT, alternative=1)])
def test_the_end_of_a_step_waits_for_nothing_and_comes_after_its_text(end: Event) -> None:
    def work(emission: Emission) -> None:
        emission.delta(TARGET, "still", 1)
        emission.delta(DRAFT, "done", 1)
        emission(end)

    told = run_virtual(_told(work))
    assert [event for _, event in told] == [
        StepDelta(position=3, role=Role.DRAFT, alternative=1, text="done", tokens=1),
        end,
    ]


def test_other_events_overtake_text_that_waits() -> None:
    def work(emission: Emission) -> None:
        emission.delta(TARGET, "still", 1)
        emission(CycleStarted(cycle=1, position=7))

    told = run_virtual(_told(work, wait_s=1.0))
    assert [(at, event.type) for at, event in told] == [(0.0, "cycle_started"), (FRAME_S, "step_delta")]


@pytest.mark.parametrize("speculates", [True, False])
def test_passes_of_a_target_that_speculates_are_told_where_all_are_known(speculates: bool) -> None:
    def work(emission: Emission) -> None:
        for passes in ((1,), (1, 3, 1), ()):
            emission.delta(TARGET, "x", sum(passes) or 2, passes)
            emission.delta(DRAFT, "y", 2, (2,))
            emission(finished(TARGET))
        emission.delta(TARGET, "x", 3, (3,))
        emission.delta(TARGET, "x", 1)
        emission.delta(TARGET, "the rest of a character", 0)
        emission(finished(TARGET))

    told = run_virtual(_told(work, wait_s=1.0, speculates=speculates))
    deltas = [event for _, event in told if isinstance(event, StepDelta)]
    known = [[1], [1, 3, 1], None, None] if speculates else [None] * 4
    assert [delta.passes for delta in deltas if delta.role is Role.TARGET] == known
    assert [delta.passes for delta in deltas if delta.role is Role.DRAFT] == [None]


@examples(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.1), st.sampled_from([TARGET, DRAFT])), max_size=40))
def test_nothing_is_lost_or_later_than_a_frame(tokens: list[tuple[float, StepKey]]) -> None:
    told: list[tuple[float, Event]] = []
    written: list[tuple[float, StepKey]] = []

    async def write() -> None:
        clock = asyncio.get_running_loop().time
        emission = Emission(lambda event: told.append((clock(), event)))
        for pause, key in tokens:
            await asyncio.sleep(pause)
            emission.delta(key, "x", 1)
            written.append((clock(), key))
        for key in (TARGET, DRAFT):
            emission(finished(key))
        assert clock() == (written[-1][0] if written else 0.0)

    run_virtual(write())
    for key in (TARGET, DRAFT):
        mine = [
            (at, event)
            for at, event in told
            if isinstance(event, StepDelta) and StepKey(event.position, event.role, event.alternative) == key
        ]
        shown = [at for at, event in mine for _ in range(event.tokens)]
        arrived = [at for at, of in written if of == key]
        assert len(shown) == len(arrived) == sum(len(event.text) for _, event in mine)
        assert all(0 <= late - early <= FRAME_S + 1e-9 for late, early in zip(shown, arrived, strict=True))
