"""Mode auto on the simulated models in virtual time: nothing is lost where lookahead loses, little where it wins."""

from dataclasses import dataclass, replace
from functools import cache

import pytest

from lr_demo.config import Mode, VerifierKind
from lr_demo.decoding.memory import Memory
from lr_demo.events import Role, RoleDegraded, SettingChosen, StepStarted, Verdict
from lr_demo.models.simulated import Failure
from lr_demo.models.story import SeededStory, Story, Voice
from lr_demo.prediction import Costs, Pace
from tests.decoding.scene import Outcome, Scene, settings

TARGET_S = 0.026
FLAT: tuple[float, ...] = ()
SLOPING = (1.0, 1.3, 1.6, 1.9, 2.2, 2.5, 2.8, 3.1)
LINEAR = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
NEAR = 0.95
SEEDS = range(3)


@dataclass(frozen=True)
class Turning:
    """One story up to a step, another one from there."""

    before: Story
    after: Story
    at: int

    def step(self, answer: str, voice: Voice, seed: int) -> str:
        return self._of(answer).step(answer, voice, seed)

    def continuation(self, answer: str, voice: Voice, seed: int) -> str:
        return self._of(answer).continuation(answer, voice, seed)

    def ended(self, answer: str) -> bool:
        return self.after.ended(answer)

    def _of(self, answer: str) -> Story:
        return self.before if answer.count("\n\n") < self.at else self.after


@dataclass(frozen=True)
class Cell:
    """A place on the grid."""

    acceptance: float
    batch: tuple[float, ...]
    draft: float
    """Draft time over target time, per token."""
    verdict_s: float
    then: float | None = None
    """Acceptance in the second half, where it is another one."""

    def scene(self, steps: int, seed: int) -> Scene:
        story: Story = SeededStory(steps, 20, 0.3, self.acceptance, seed=seed)
        if self.then is not None:
            story = Turning(story, SeededStory(steps, 20, 0.3, self.then, seed=seed), steps // 2)
        return Scene(story, TARGET_S, TARGET_S * self.draft, self.batch, self.verdict_s)


LOSING = [
    Cell(0.2, LINEAR, 0.3, 0.2),
    Cell(0.9, LINEAR, 0.05, 0.0),
    Cell(0.2, FLAT, 0.6, 0.2),
    Cell(0.9, FLAT, 1.5, 0.02),
]
WINNING = [
    Cell(0.9, FLAT, 0.05, 0.0),
    Cell(0.9, FLAT, 0.3, 0.2),
    Cell(0.7, SLOPING, 0.15, 0.02),
    Cell(0.5, FLAT, 0.1, 0.0),
]
TURNING = [Cell(0.9, FLAT, 0.1, 0.02, then=0.2), Cell(0.2, SLOPING, 0.1, 0.02, then=0.9)]


def run(scene: Scene, mode: Mode, lookahead: int = 1, memory: Memory | None = None) -> Outcome:
    plan = settings(mode=mode, verifier=VerifierKind.JUDGE, lookahead=lookahead, max_tokens=100_000)
    return replace(scene, memory=memory or Memory()).run(plan)


@cache
def pace(cell: Cell, steps: int, seed: int, mode: Mode, lookahead: int = 1) -> float:
    """Tokens a second of a run that nothing is known before; virtual time has it the same every time."""
    outcome = run(cell.scene(steps, seed), mode, lookahead)
    return sum(step.tokens for step in outcome.state.answer) / outcome.seconds


def chosen(outcome: Outcome) -> list[SettingChosen]:
    return [event for event in outcome.events if isinstance(event, SettingChosen)]


@pytest.mark.parametrize("cell", [*LOSING, *WINNING, *TURNING], ids=str)
@pytest.mark.parametrize("steps", [10, 60])
def test_auto_does_not_lose_to_plain_decoding(cell: Cell, steps: int) -> None:
    for seed in SEEDS:
        plain = pace(cell, steps, seed, Mode.AUTOREGRESSIVE)
        assert pace(cell, steps, seed, Mode.AUTO) > NEAR * plain, f"seed {seed}"


@pytest.mark.parametrize("cell", [*LOSING, *WINNING, *TURNING], ids=str)
def test_auto_is_about_as_fast_as_the_best_fixed_setting(cell: Cell) -> None:
    """In the mean over some answers: the best setting of a single one owes part of its lead to luck."""
    fixed = [seconds_a_token(cell, Mode.AUTOREGRESSIVE)]
    fixed += [seconds_a_token(cell, Mode.LOOKAHEAD, lookahead) for lookahead in (1, 2, 4, 8)]
    assert seconds_a_token(cell, Mode.AUTO) < min(fixed) / NEAR


def seconds_a_token(cell: Cell, mode: Mode, lookahead: int = 1) -> float:
    return sum(1 / pace(cell, 60, seed, mode, lookahead) for seed in SEEDS)


@pytest.mark.parametrize("cell", LOSING, ids=str)
def test_lookahead_that_loses_is_switched_off_and_plain_decoding_is_one_request(cell: Cell) -> None:
    outcome = run(cell.scene(60, 1), Mode.AUTO)
    last = chosen(outcome)[-1]
    assert (last.lookahead, last.step < 20) == (0, True)
    assert "lookahead off since step" in last.sentence
    later = [event for event in outcome.events if isinstance(event, StepStarted) and event.seq > last.seq]
    assert len({event.position for event in later if event.role is Role.TARGET}) >= 40
    assert outcome.target.requests < 20


def test_lookahead_goes_deep_where_it_wins() -> None:
    assert chosen(run(Cell(0.9, FLAT, 0.05, 0.0).scene(60, 1), Mode.AUTO))[-1].lookahead >= 4


def test_lookahead_is_switched_on_again_when_drafted_steps_begin_to_be_accepted() -> None:
    outcome = run(Cell(0.0, FLAT, 0.1, 0.2, then=0.95).scene(80, 1), Mode.AUTO)
    events = chosen(outcome)
    first_off = next(index for index, event in enumerate(events) if not event.lookahead)
    assert any(event.lookahead for event in events[first_off:])
    assert events[-1].lookahead > 0


def test_a_run_begins_with_what_an_earlier_one_has_shown() -> None:
    memory, scene = Memory(), Cell(0.2, LINEAR, 0.3, 0.2).scene(30, 1)
    first, second = run(scene, Mode.AUTO, memory=memory), run(scene, Mode.AUTO, memory=memory)
    assert not any(event.lookahead for event in chosen(second))
    assert second.seconds < first.seconds


def probed(cell: Cell) -> Memory:
    """What a probe finds of the servers of a cell."""
    passes = tuple((n + 1, TARGET_S * cost) for n, cost in enumerate(cell.batch or (1.0, 1.0)))
    costs = Costs(Pace(passes), Pace(((1, TARGET_S * cell.draft),)), cell.verdict_s)
    return Memory.of(costs, verdicts=True)


@pytest.mark.parametrize("cell", [Cell(0.9, (1.0, 2.5, 4.0, 5.5), 0.3, 0.2), LOSING[3]], ids=str)
def test_where_a_probe_says_that_lookahead_cannot_win_a_short_answer_is_plain(cell: Cell) -> None:
    scene = cell.scene(7, 1)
    outcome = run(scene, Mode.AUTO, memory=probed(cell))
    assert not any(event.role is Role.DRAFT for event in outcome.events if isinstance(event, StepStarted))
    assert outcome.seconds < run(scene, Mode.AUTOREGRESSIVE).seconds * 1.001


def test_where_a_probe_says_that_lookahead_can_win_it_is_on_from_the_start() -> None:
    cell = WINNING[0]
    first = chosen(run(cell.scene(10, 1), Mode.AUTO, memory=probed(cell)))[0]
    assert (first.step, first.lookahead > 1) == (0, True)


def test_an_acceptance_that_nobody_has_measured_is_called_assumed() -> None:
    events = run(Cell(0.9, FLAT, 1.5, 0.02).scene(60, 1), Mode.AUTO).events
    first_verdict = next(event.t for event in events if isinstance(event, Verdict))
    told = [event for event in events if isinstance(event, SettingChosen) and "acceptance" in event.reason]
    assert {event.t < first_verdict for event in told} >= {True}
    for event in told:
        assert ("assumed" in event.reason) == (event.t < first_verdict)


@pytest.mark.parametrize("failure", [Failure(after_tokens=3), Failure(after_tokens=3, hangs=True)])
def test_a_draft_that_fails_leaves_the_target_to_go_on(failure: Failure) -> None:
    scene = replace(Cell(0.8, FLAT, 0.1, 0.02).scene(60, 1), draft_failures=dict.fromkeys(range(1000), failure))
    outcome = run(scene, Mode.AUTO)
    assert outcome.state.text() == run(scene, Mode.AUTOREGRESSIVE).state.text()
    assert outcome.seconds < run(scene, Mode.AUTOREGRESSIVE).seconds / NEAR
    assert failure.hangs or any(isinstance(event, RoleDegraded) for event in outcome.events)
    assert (outcome.target.in_flight, outcome.draft.in_flight, outcome.tasks_left) == (0, 0, 0)
