"""Whatever fails, and whenever: a run ends within its limits, says what is away, and leaves nothing behind."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo import limits
from lr_demo.config import Mode, RunSettings, Schedule, VerifierKind
from lr_demo.errors import ServerGone
from lr_demo.events import Role, RoleDegraded, RoleRecovered
from lr_demo.models.simulated import Failure
from lr_demo.models.story import SeededStory
from lr_demo.models.virtual_time import run_virtual
from lr_demo.run_state import StepPhase
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement
from lr_demo.verification.simulated import SimulatedVerifier
from tests.decoding.scene import Outcome, Scene, settings

COMPLETE = ("end_of_sequence", "final_answer", "repeated_step")

ills = st.builds(Failure, after_tokens=st.integers(0, 5), hangs=st.booleans())
passing = st.dictionaries(st.integers(0, 40), ills, max_size=12)
"""Request number to what goes wrong with it."""


class Lasting(dict[int, Failure]):
    """From some request on, every one fails. Said in short: an example of hypothesis is printed."""

    def __init__(self, first: int, ill: Failure) -> None:
        super().__init__(dict.fromkeys(range(first, 10_000), ill))
        self._said = f"Lasting({first}, {ill!r})"

    def __repr__(self) -> str:
        return self._said


lasting = st.builds(Lasting, st.integers(0, 25), ills)


@dataclass
class Fitful:
    """A verifier and scorer some of whose answers fail."""

    failures: dict[int, Failure]
    asked: int = 0
    method: str = "judge"
    compares_identity: bool = False
    healthy: SimulatedVerifier = field(default_factory=lambda: SimulatedVerifier("judge", 0.02))

    def foresee(self, drafted: DraftedStep) -> Foresight | None:
        return self.healthy.foresee(drafted)

    async def verify(self, comparison: Comparison) -> Judgement:
        await self._maybe_fail()
        return await self.healthy.verify(comparison)

    async def score(self, prefix: Sequence[int]) -> float:
        await self._maybe_fail()
        return float(prefix[-1] % 10)

    async def _maybe_fail(self) -> None:
        number, self.asked = self.asked, self.asked + 1
        if (failure := self.failures.get(number)) is not None:
            await failure.happen("the judge")


scenes = st.builds(
    Scene,
    story=st.builds(
        SeededStory,
        steps=st.integers(2, 25),
        tokens_per_step=st.integers(2, 12),
        spread=st.floats(0, 0.9),
        acceptance=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
        identical=st.sampled_from([0.0, 0.8, 1.0]),
        seed=st.integers(0, 1000),
    ),
    target_s=st.sampled_from([0.013, 0.3]),
    draft_s=st.sampled_from([0.0025, 0.1]),
    same_vocabulary=st.booleans(),
)
plans = st.builds(
    settings,
    mode=st.sampled_from([Mode.LOOKAHEAD, Mode.LOOKAHEAD, Mode.SPECREASON]),
    schedule=st.sampled_from(list(Schedule)),
    lookahead=st.integers(1, 4),
    width=st.integers(1, 2),
    verifier=st.sampled_from([VerifierKind.EXACT, VerifierKind.JUDGE]),
)


def play(scene: Scene, plan: RunSettings, judge: dict[int, Failure]) -> Outcome:
    fitful = Fitful(judge)
    scene.scorer = fitful
    scene.verifier = fitful if plan.verifier is VerifierKind.JUDGE else None
    outcome = run_virtual(scene.attempt(plan))
    nothing_is_left(outcome)
    return outcome


def nothing_is_left(outcome: Outcome) -> None:
    state = outcome.state
    assert outcome.target.in_flight == outcome.draft.in_flight == outcome.tasks_left == 0
    assert all(step.phase not in (StepPhase.WRITING, StepPhase.JUDGING) for step in state.steps.values())
    assert [state.positions[step.key.position].step for step in state.answer] == list(range(len(state.answer)))
    for role in Role:
        told = [type(e) for e in outcome.events if isinstance(e, RoleDegraded | RoleRecovered) and e.role is role]
        assert told == [RoleDegraded, RoleRecovered] * (len(told) // 2) + [RoleDegraded] * (len(told) % 2)


def is_complete(outcome: Outcome, plan: RunSettings, plain: Outcome) -> None:
    assert outcome.error is None
    assert outcome.reason in COMPLETE
    if plan.mode is Mode.LOOKAHEAD and plan.verifier is VerifierKind.EXACT:
        assert outcome.state.text() == plain.state.text()


def work_s(scene: Scene, plan: RunSettings) -> float:
    """More than a run takes in which the draft writes and the target writes again every single step."""
    assert isinstance(scene.story, SeededStory)
    tokens = 2 * scene.story.steps * scene.story.tokens_per_step + 40
    return tokens * (scene.target_s + scene.draft_s * plan.lookahead) + 25 * 0.02


@examples(max_examples=150, deadline=None)
@given(scenes, plans, passing | lasting, passing | lasting)
def test_whatever_befalls_draft_and_judge_the_answer_is_completed(
    scene: Scene, plan: RunSettings, draft: dict[int, Failure], judge: dict[int, Failure]
) -> None:
    scene.draft_failures = draft
    plain = scene.run(plan.model_copy(update={"mode": Mode.AUTOREGRESSIVE}))
    outcome = play(scene, plan, judge)
    assert Role.TARGET not in {event.role for event in outcome.events if isinstance(event, RoleDegraded)}
    is_complete(outcome, plan, plain)


@examples(max_examples=100, deadline=None)
@given(scenes, plans, lasting, st.sampled_from([{}, Lasting(0, Failure(hangs=True))]))
@example(
    Scene(SeededStory(19, 3, 0.5, 0.0, 0.0), same_vocabulary=False, target_s=0.3, draft_s=0.0025),
    settings(schedule=Schedule.SYNC, lookahead=1),
    Lasting(0, Failure(after_tokens=4, hangs=True)),
    {},
)  # a draft that is back for every short step, and hangs over the next long one
def test_a_draft_and_a_judge_that_are_lost_cost_a_run_no_more_than_their_limits_once(
    scene: Scene, plan: RunSettings, draft: dict[int, Failure], judge: dict[int, Failure]
) -> None:
    scene.draft_failures = draft
    outcome = play(scene, plan, judge)
    scores = 0.0
    if plan.mode is Mode.SPECREASON:  # a score is asked of the target itself, for every drafted step
        scores = sum(v.latency_s for v in outcome.state.verdicts)
    waits = limits.silence_s(Role.DRAFT, unread=1000) + limits.JUDGE_PATIENCE_S + scores
    assert outcome.seconds <= work_s(scene, plan) + waits


@examples(max_examples=100, deadline=None)
@given(scenes, plans, passing.filter(lambda target: sum(ill.hangs for ill in target.values()) < 2))
def test_a_target_that_fails_now_and_then_is_waited_for_and_the_answer_completed(
    scene: Scene, plan: RunSettings, target: dict[int, Failure]
) -> None:
    plain = scene.run(plan.model_copy(update={"mode": Mode.AUTOREGRESSIVE}))
    scene.target_failures = target
    outcome = play(scene, plan, {})
    assert Role.TARGET not in outcome.state.degraded
    is_complete(outcome, plan, plain)


modes = st.sampled_from([Mode.AUTOREGRESSIVE, Mode.LOOKAHEAD, Mode.SPECREASON])


@examples(max_examples=100, deadline=None)
@given(scenes, plans, modes, lasting)
@example(
    Scene(SeededStory(4, 2), same_vocabulary=False),
    settings(),
    Mode.AUTOREGRESSIVE,
    Lasting(0, Failure(after_tokens=2, hangs=True)),
)  # a step of two tokens is progress, and what hangs after it is waited for anew
def test_a_target_that_stays_away_fails_the_run_with_what_was_accepted(
    scene: Scene, plan: RunSettings, mode: Mode, target: dict[int, Failure]
) -> None:
    plan = plan.model_copy(update={"mode": mode, "verifier": VerifierKind.EXACT})
    plain = scene.run(plan.model_copy(update={"mode": Mode.AUTOREGRESSIVE}))
    scene.target_failures = target
    outcome = play(scene, plan, {})
    if outcome.error is None:  # it had written all it had to before
        return
    assert Role.TARGET in outcome.state.degraded
    if mode is not Mode.SPECREASON:
        assert plain.state.text().startswith(outcome.state.text())
    silences = 2 * limits.silence_s(Role.TARGET, unread=1000)
    progress = max((step.t for step in outcome.state.answer), default=0.0)
    assert outcome.seconds - progress <= work_s(scene, plan) + limits.TARGET_PATIENCE_S + silences


@pytest.mark.parametrize("mode", [Mode.AUTOREGRESSIVE, Mode.LOOKAHEAD, Mode.SPECREASON])
def test_a_target_that_was_given_up_is_not_waited_for(mode: Mode) -> None:
    gone = Lasting(0, Failure(after_tokens=3, raises=ServerGone))
    scene = Scene(SeededStory(9, 9, acceptance=0.0), target_failures=gone)
    outcome = play(scene, settings(mode=mode), {})
    assert isinstance(outcome.error, ServerGone)
    assert outcome.seconds < 2
