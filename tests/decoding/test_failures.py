"""Roles that fail, hang or come back: the target alone suffices, and what happened is said."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from lr_demo import limits
from lr_demo.config import Mode, Schedule, VerifierKind
from lr_demo.errors import ModelError, RequestRefused
from lr_demo.events import Event, Role, RoleDegraded, RoleRecovered, StepStarted, Verdict
from lr_demo.models.protocol import Message, Sampling
from lr_demo.models.simulated import Failure, SimulatedModel
from lr_demo.models.story import SeededStory
from lr_demo.models.virtual_time import run_virtual
from lr_demo.run_state import RunState, StepKey, StepPhase, fold
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement
from tests.decoding.scene import Scene, settings

STORY = SeededStory(steps=8, tokens_per_step=5, acceptance=0.7)


def told(events: list[Event], kind: type[RoleDegraded] | type[RoleRecovered]) -> list[Role]:
    return [event.role for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("same_vocabulary", [True, False])
@pytest.mark.parametrize("schedule", list(Schedule))
def test_a_draft_that_always_fails_leaves_the_answer_to_the_target(schedule: Schedule, same_vocabulary: bool) -> None:
    plain = Scene(STORY).run(settings(mode=Mode.AUTOREGRESSIVE))
    failing = Scene(STORY, draft_failures=dict.fromkeys(range(999), Failure(1)), same_vocabulary=same_vocabulary)
    outcome = failing.run(settings(schedule=schedule))
    assert outcome.state.text() == plain.state.text()
    assert told(outcome.events, RoleDegraded) == [Role.DRAFT]
    assert outcome.state.degraded.keys() == {Role.DRAFT}


def test_a_draft_that_comes_back_is_used_again() -> None:
    scene = Scene(SeededStory(40, 20, acceptance=1.0), draft_failures={0: Failure(2)})
    outcome = scene.run(settings(verifier=VerifierKind.JUDGE))
    assert told(outcome.events, RoleDegraded) == told(outcome.events, RoleRecovered) == [Role.DRAFT]
    assert not outcome.state.degraded
    assert any(step.key.role is Role.DRAFT for step in outcome.state.answer)


def test_a_draft_that_hangs_is_given_up_when_the_target_is_there() -> None:
    scene = Scene(STORY, draft_failures=dict.fromkeys(range(999), Failure(1, hangs=True)))
    outcome = scene.run(settings())
    plain = Scene(STORY).run(settings(mode=Mode.AUTOREGRESSIVE))
    assert outcome.state.text() == plain.state.text()
    assert outcome.seconds == pytest.approx(plain.seconds)
    assert outcome.draft.in_flight == 0


@pytest.mark.parametrize("schedule", list(Schedule))
@pytest.mark.parametrize("mode", [Mode.LOOKAHEAD, Mode.SPECREASON])
def test_a_draft_that_hangs_is_said_to_be_away_and_is_not_asked_again_and_again(mode: Mode, schedule: Schedule) -> None:
    story = SeededStory(300, 20, acceptance=1.0)
    scene = Scene(story, draft_failures=dict.fromkeys(range(9999), Failure(hangs=True)), scorer=Accepting())
    outcome = scene.run(settings(mode=mode, schedule=schedule, max_tokens=100_000))
    plain = Scene(story).run(settings(mode=Mode.AUTOREGRESSIVE, max_tokens=100_000))
    assert outcome.state.text() == plain.state.text()
    assert told(outcome.events, RoleDegraded) == [Role.DRAFT]
    first = next(event for event in outcome.events if isinstance(event, RoleDegraded))
    assert "it hangs" in first.reason
    silence = 0.0 if schedule is Schedule.ASYNC and mode is Mode.LOOKAHEAD else limits.silence_s(Role.DRAFT, unread=50)
    assert outcome.seconds <= plain.seconds + silence
    asked_before = sum(isinstance(e, StepStarted) and e.role is Role.DRAFT for e in outcome.events)
    attempts = outcome.draft.requests - asked_before
    assert asked_before < 1 + 2 * limits.UNANSWERED_S / (20 * scene.target_s)
    assert attempts <= 1 + outcome.seconds / limits.silence_s(Role.DRAFT)


@pytest.mark.parametrize("mode", [Mode.LOOKAHEAD, Mode.SPECREASON])
def test_a_draft_that_writes_too_slowly_is_not_waited_for(mode: Mode) -> None:
    story = SeededStory(20, 30, acceptance=1.0)
    scene = Scene(story, draft_s=5.0, scorer=Accepting())
    outcome = scene.run(settings(mode=mode, schedule=Schedule.SYNC))
    plain = Scene(story).run(settings(mode=Mode.AUTOREGRESSIVE))
    assert outcome.state.text() == plain.state.text()
    assert told(outcome.events, RoleDegraded) == [Role.DRAFT]
    assert "was not done within" in outcome.state.degraded[Role.DRAFT]
    assert outcome.seconds <= plain.seconds + limits.drafted_step_s(unread=50)


@dataclass
class Late(SimulatedModel):
    """A draft whose server comes up after the run has begun."""

    away_for: int = 3
    """Requests for the prompt that fail."""

    async def chat_prompt(self, messages: Sequence[Message]) -> list[int]:
        self.away_for -= 1
        if self.away_for >= 0:
            raise ModelError("the draft is not up yet")
        return await super().chat_prompt(messages)


@pytest.mark.parametrize("same_vocabulary", [True, False])
@pytest.mark.parametrize("schedule", list(Schedule))
@pytest.mark.parametrize("mode", [Mode.LOOKAHEAD, Mode.SPECREASON])
def test_a_draft_that_is_away_when_the_run_starts_takes_part_when_it_comes(
    mode: Mode, schedule: Schedule, same_vocabulary: bool
) -> None:
    scene = Scene(SeededStory(60, 10, acceptance=1.0), same_vocabulary=same_vocabulary, scorer=Accepting())
    target, healthy = scene.models()
    late = Late("draft", healthy.story, healthy.voice, healthy.words, healthy.seconds_per_token)
    scene.models = lambda: (target, late)  # type: ignore[method-assign]
    outcome = scene.run(settings(mode=mode, schedule=schedule, verifier=VerifierKind.JUDGE, max_tokens=10_000))
    assert told(outcome.events, RoleDegraded) == told(outcome.events, RoleRecovered) == [Role.DRAFT]
    assert outcome.state.answer[0].key.role is Role.TARGET
    assert any(step.key.role is Role.DRAFT for step in outcome.state.answer)
    assert outcome.reason in ("end_of_sequence", "final_answer")


def test_a_target_that_fails_again_and_again_but_goes_on_is_not_given_up() -> None:
    story = SeededStory(400, 20)
    often = dict.fromkeys(range(9999), Failure(after_tokens=50))
    scene = Scene(story, target_s=0.05, target_failures=often)
    outcome = scene.run(settings(mode=Mode.AUTOREGRESSIVE, max_tokens=100_000))
    assert outcome.seconds > 1.5 * limits.TARGET_PATIENCE_S
    assert outcome.reason == "end_of_sequence"
    assert len(told(outcome.events, RoleDegraded)) > 10


@pytest.mark.parametrize("mode", [Mode.AUTOREGRESSIVE, Mode.LOOKAHEAD])
def test_a_target_that_hangs_in_mid_step_is_asked_again_from_the_accepted_text(mode: Mode) -> None:
    scene = Scene(STORY, target_failures={0: Failure(8, hangs=True), 1: Failure(3, hangs=True)}, draft_s=1.0)
    outcome = scene.run(settings(mode=mode))
    assert outcome.state.text() == Scene(STORY).run(settings(mode=Mode.AUTOREGRESSIVE)).state.text()
    assert told(outcome.events, RoleDegraded) == told(outcome.events, RoleRecovered)
    assert limits.silence_s(Role.TARGET) < outcome.seconds < 3 * limits.silence_s(Role.TARGET, unread=200)


@pytest.mark.parametrize("mode", [Mode.AUTOREGRESSIVE, Mode.LOOKAHEAD])
def test_a_target_that_fails_in_mid_step_is_asked_again_from_the_accepted_text(mode: Mode) -> None:
    scene = Scene(STORY, target_failures={0: Failure(3), 1: Failure(0)})
    outcome = scene.run(settings(mode=mode))
    assert outcome.state.text() == Scene(STORY).run(settings(mode=Mode.AUTOREGRESSIVE)).state.text()
    assert Role.TARGET in told(outcome.events, RoleDegraded)
    assert Role.TARGET in told(outcome.events, RoleRecovered)


@pytest.mark.parametrize("same_vocabulary", [True, False])
def test_a_step_asked_for_again_goes_on_from_the_text_that_was_accepted_meanwhile(same_vocabulary: bool) -> None:
    story = SeededStory(8, 5, acceptance=1.0, identical=1.0)
    scene = Scene(story, target_failures={1: Failure(0)}, same_vocabulary=same_vocabulary)
    outcome = scene.run(settings(lookahead=3))
    assert outcome.state.text() == Scene(story).run(settings(mode=Mode.AUTOREGRESSIVE)).state.text()
    assert Role.TARGET in told(outcome.events, RoleRecovered)


@pytest.mark.parametrize("mode", [Mode.AUTOREGRESSIVE, Mode.LOOKAHEAD])
def test_a_target_that_stays_away_fails_the_run_within_the_limit(mode: Mode) -> None:
    scene = Scene(STORY, target_failures={n: Failure(0 if n else 30) for n in range(9999)}, draft_s=0.001)
    seconds = 0.0

    async def attempt() -> None:
        nonlocal seconds
        try:
            await scene.arun(settings(mode=mode))
        finally:
            seconds = asyncio.get_running_loop().time()

    if mode is Mode.AUTOREGRESSIVE:
        scene.target_failures = dict.fromkeys(range(9999), Failure(0))
    with pytest.raises(ModelError, match="target"):
        run_virtual(attempt())
    assert seconds < limits.TARGET_PATIENCE_S + 10


@pytest.mark.parametrize("mode", [Mode.AUTOREGRESSIVE, Mode.LOOKAHEAD])
def test_a_target_that_refuses_is_not_asked_again(mode: Mode) -> None:
    scene = Scene(STORY, target_failures=dict.fromkeys(range(9999), Failure(raises=RequestRefused)))

    async def attempt() -> float:
        with pytest.raises(RequestRefused):
            await scene.arun(settings(mode=mode))
        return asyncio.get_running_loop().time()

    assert run_virtual(attempt()) == 0.0


@dataclass
class Ailing:
    """A verifier that errs, or hangs."""

    hangs: bool
    method: str = "judge"
    compares_identity: bool = False
    asked: list[Comparison] = field(default_factory=list)
    raises: type[ModelError] = ModelError

    def foresee(self, drafted: DraftedStep) -> Foresight | None:
        return None

    async def verify(self, comparison: Comparison) -> Judgement:
        self.asked.append(comparison)
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        raise self.raises("the judge is away")


@pytest.mark.parametrize("hangs", [True, False])
def test_a_verifier_that_errs_or_hangs_is_a_reject_that_is_seen(hangs: bool) -> None:
    verifier = Ailing(hangs)
    outcome = Scene(STORY, verifier=verifier).run(settings(verifier=VerifierKind.JUDGE))
    verdicts = [event for event in outcome.events if isinstance(event, Verdict)]
    assert verdicts
    assert all(not v.accepted for v in verdicts if v.method == "error")
    assert Role.JUDGE in outcome.state.degraded
    assert outcome.state.answer[-1].key.role is Role.TARGET
    assert len(verifier.asked) < len(verdicts), "a judge that is away is not asked each time"
    assert outcome.seconds < 2 * limits.JUDGE_PATIENCE_S
    assert told(outcome.events, RoleDegraded) == [Role.JUDGE]


def test_a_judge_that_refuses_one_comparison_is_asked_for_the_next() -> None:
    outcome = Scene(STORY, verifier=Ailing(hangs=False, raises=RequestRefused)).run(
        settings(verifier=VerifierKind.JUDGE)
    )
    assert [event.method for event in outcome.events if isinstance(event, Verdict)].count("error") > 1
    assert Role.JUDGE not in outcome.state.degraded


@pytest.mark.parametrize("schedule", list(Schedule))
@pytest.mark.parametrize("after_s", [0.0, 0.031, 0.2])
def test_stopping_a_run_leaves_nothing_in_flight(schedule: Schedule, after_s: float) -> None:
    scene = Scene(SeededStory(30, 10, acceptance=0.8))
    target, draft = scene.models()
    scene.models = lambda: (target, draft)  # type: ignore[method-assign]

    async def stopped() -> int:
        task = asyncio.create_task(scene.arun(settings(schedule=schedule, width=2, verifier=VerifierKind.JUDGE)))
        await asyncio.sleep(after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks()) - 1

    assert run_virtual(stopped()) == 0
    assert target.in_flight == draft.in_flight == 0


def test_cancelled_steps_are_said_to_be_cancelled() -> None:
    outcome = Scene(SeededStory(20, 10, acceptance=0.4)).run(settings(lookahead=4))
    phases = {step.phase for step in fold(outcome.events).steps.values()}
    assert StepPhase.CANCELLED in phases
    assert StepPhase.CORRECTED in phases


@pytest.mark.parametrize("width", [1, 2])
def test_what_a_decision_makes_useless_ends_at_the_servers_at_once(width: int) -> None:
    scene = Scene(SeededStory(20, 10, spread=0.5, acceptance=0.5), draft_s=0.001, sampling=Sampling(temperature=0.5))
    outcome = scene.run(settings(lookahead=4, width=width, verifier=VerifierKind.JUDGE))
    state, moment = RunState(), 0.0
    for event in outcome.events:
        if event.t > moment:
            current = state.answer[-1].key if state.answer else None
            for step in state.steps.values():
                if step.phase is StepPhase.WRITING and current is not None:
                    assert above(state, step.key.position, current), f"{step.key} still runs after {moment} s"
            moment = event.t
        state.apply(event)


def above(state: RunState, position: int, last: StepKey) -> bool:
    """Whether a position stands on the last step of the answer (or opened after it was corrected)."""
    opened = state.positions[position]
    if opened.parent is None:
        return opened.step == len(state.answer)
    if (opened.parent, opened.parent_alternative) == (last.position, last.alternative):
        return last.role is opened.parent_role
    return above(state, opened.parent, last)


@pytest.mark.parametrize("mode", [Mode.AUTOREGRESSIVE, Mode.LOOKAHEAD, Mode.SPECREASON])
def test_an_answer_ends_at_the_limit_where_the_context_is_full(mode: Mode) -> None:
    scene = Scene(STORY)
    prompt = len(
        run_virtual(scene.models()[0].chat_prompt([Message("system", "Think."), Message("user", "How many?")]))
    )
    scene = Scene(STORY, context=prompt + 17, scorer=Accepting())
    outcome = scene.run(settings(mode=mode))
    assert outcome.reason == "token_limit"
    assert len(outcome.answer_ids()) == 17
    assert not outcome.state.degraded


class Accepting:
    """Every drafted step is worth keeping."""

    async def score(self, prefix: Sequence[int]) -> float:
        return 9.0
