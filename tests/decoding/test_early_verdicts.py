"""Rejects that are certain before the target's step is complete: the same verdicts as without them, only earlier."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo.config import RunSettings, Schedule
from lr_demo.events import Event, PositionOpened, Role, StepCancelled, StepFinished, Verdict
from lr_demo.events import Outcome as How
from lr_demo.models.simulated import Failure
from lr_demo.models.story import ScriptedStory, SeededStory
from lr_demo.verification.exact import ExactVerifier
from lr_demo.verification.judge import JudgeVerifier
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement, Verifier
from lr_demo.verification.random import RandomVerifier
from tests.decoding.scene import Outcome, Scene, settings
from tests.verification.scripted import ScriptedJudge


@dataclass
class Blind:
    """A verifier that foresees nothing."""

    verifier: Verifier

    @property
    def method(self) -> str:
        return self.verifier.method

    @property
    def compares_identity(self) -> bool:
        return self.verifier.compares_identity

    def foresee(self, drafted: DraftedStep) -> Foresight | None:
        return None

    async def verify(self, comparison: Comparison) -> Judgement:
        return await self.verifier.verify(comparison)


@dataclass
class SlowJudge(ScriptedJudge):
    """Takes its time, and accepts what is short."""

    logprobs: dict[str, float] = field(default_factory=dict)

    async def choose(self, prompt: Sequence[int], choices: Sequence[str]) -> dict[str, float]:
        await asyncio.sleep(0.02)
        return {"Yes": 0.0, "No": math.inf if len(prompt) % 3 == 0 else -math.inf}


STEPS = ["So 4", "so  FOUR", "it is 4 or 5", "it is 4 or 6", "we add them", "We add them", "then we add 4", "thus"]
"""Alike from the start, alike but for white space and case, with and without numbers."""


@st.composite
def stories(draw: st.DrawFn) -> ScriptedStory:
    """The same number of steps for both, the last of which may end in the middle of the other's."""
    sides = [draw(st.lists(st.sampled_from(STEPS), min_size=5, max_size=5)) for _ in range(2)]
    last = draw(st.integers(1, 5))
    target, drafted = ([*(f"{step}.\n\n" for step in side[: last - 1]), f"{side[last - 1]} end"] for side in sides)
    return ScriptedStory(target, drafted)


seeded = st.builds(
    SeededStory,
    steps=st.integers(1, 7),
    tokens_per_step=st.integers(2, 8),
    spread=st.floats(0, 0.9),
    acceptance=st.sampled_from([0.0, 0.5, 1.0]),
    identical=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 10_000),
)
scenes = st.builds(
    Scene,
    story=stories() | seeded,
    target_s=st.sampled_from([0.001, 0.013, 0.1]),
    draft_s=st.sampled_from([0.0005123, 0.0025321, 0.0201]),
    same_vocabulary=st.booleans(),
    chunk_tokens=st.integers(1, 3),
)
plans = st.builds(
    settings,
    lookahead=st.integers(1, 5),
    width=st.integers(1, 3),
    parallel_budget=st.just(256),
    schedule=st.sampled_from(list(Schedule)),
    max_tokens=st.sampled_from([9, 1000]),
    step_cap=st.sampled_from([3, 1000]),
    seed=st.integers(0, 5),
)
verifiers = st.sampled_from(
    [ExactVerifier(), RandomVerifier(0.0), RandomVerifier(0.5), JudgeVerifier(SlowJudge(), 0.5)]
)


def committed(outcome: Outcome) -> list[tuple[str, How]]:
    return [(outcome.state.steps[step.key].text, step.outcome) for step in outcome.state.answer]


def times(outcome: Outcome) -> list[float]:
    return [step.t for step in outcome.state.answer]


def ties(outcome: Outcome) -> bool:
    """Whether draft and target completed a position at the same moment."""
    done = [event for event in outcome.events if isinstance(event, StepFinished)]
    targets = {event.position: event.t for event in done if event.role is Role.TARGET}
    return any(e.role is Role.DRAFT and abs(targets.get(e.position, -1.0) - e.t) < 1e-9 for e in done)


def bound(outcome: Outcome, plan: RunSettings) -> bool:
    """Whether the parallel budget was used up: then what is given up early makes room for something else."""
    return max(outcome.target.most_in_flight, outcome.draft.most_in_flight) >= plan.parallel_budget


def decided(outcome: Outcome) -> dict[tuple[int, int], tuple[bool, float]]:
    """Verdicts on the steps of the answer: step index and alternative to the verdict and its time."""
    place = {step.key.position: index for index, step in enumerate(outcome.state.answer)}
    verdicts = [verdict for verdict in outcome.state.verdicts if verdict.position in place]
    return {(place[v.position], v.alternative): (v.accepted, v.t) for v in verdicts}


@examples(max_examples=200, deadline=None)
@given(scenes, plans, verifiers)
def test_early_verdicts_are_those_of_the_whole_steps_and_change_nothing_else(
    scene: Scene, plan: RunSettings, verifier: Verifier
) -> None:
    scene.verifier = verifier
    early = scene.run(plan)
    scene.verifier = Blind(verifier)
    late = scene.run(plan)
    assume(not (ties(early) or ties(late)))  # which of the two came first is then nobody's to say
    assert early.reason == late.reason
    assert committed(early) == committed(late)
    assume(not (bound(early, plan) or bound(late, plan)))
    assert times(early) == pytest.approx(times(late), abs=1e-9)
    whole = decided(late)
    for place, (accepted, t) in decided(early).items():
        if place in whole:
            assert accepted == whole[place][0]
            assert t <= whole[place][1] + 1e-9
        elif accepted:  # of two alternatives complete at one moment, either may be judged first
            chosen = early.state.answer[place[0]].key
            assert chosen.role is Role.DRAFT, "an accept is never foreseen"
            assert place[1] > chosen.alternative, "an accept is never foreseen"
    assert early.target.in_flight == early.draft.in_flight == early.tasks_left == 0


def of(outcome: Outcome, kind: type[Event], position: int) -> list[float]:
    """When such events of a position were."""
    return [
        event.t for event in outcome.events if isinstance(event, kind) and getattr(event, "position", -1) == position
    ]


TARGET = ("one two three four five six seven.\n\n", "the end")
"""A step of 8 tokens."""
DRAFT = ("one two other four five six seven.\n\n", "the end")


def test_a_draft_that_the_target_leaves_is_rejected_there_and_what_stands_on_it_is_given_up() -> None:
    scene = Scene(ScriptedStory(TARGET, DRAFT), target_s=0.01, draft_s=0.001)
    outcome = scene.run(settings())
    assert of(outcome, Verdict, 0) == pytest.approx([0.03])
    (verdict,) = outcome.state.verdicts[:1]
    assert (verdict.accepted, verdict.method, verdict.reason) == (False, "exact", "other tokens than the target's")
    assert of(outcome, PositionOpened, 1) == pytest.approx([0.008])
    given_up = of(outcome, StepCancelled, 1)
    assert given_up == pytest.approx([0.03] * len(given_up))
    assert given_up
    assert outcome.state.answer[0].outcome is How.CORRECTED
    assert outcome.state.answer[0].t == pytest.approx(0.08)


def test_nothing_is_built_on_a_draft_that_the_target_has_left_when_it_comes() -> None:
    scene = Scene(ScriptedStory(TARGET, DRAFT), target_s=0.01, draft_s=0.009)
    outcome = scene.run(settings())
    assert of(outcome, Verdict, 0) == pytest.approx([0.072])
    assert of(outcome, PositionOpened, 1) == pytest.approx([0.08]), "the position after the correction"
    assert outcome.state.answer[0].outcome is How.CORRECTED


@pytest.mark.parametrize("failed_after", [1, 3])
def test_a_target_that_begins_its_step_again_is_followed_from_its_beginning(failed_after: int) -> None:
    scene = Scene(
        SeededStory(4, 8, acceptance=1.0, identical=1.0), target_failures={0: Failure(after_tokens=failed_after)}
    )
    outcome = scene.run(settings(lookahead=5))
    assert {step.outcome for step in outcome.state.answer} == {How.ACCEPTED}
