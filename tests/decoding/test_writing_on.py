"""The target goes on behind its own step while that is judged: a rejection costs no wait, an acceptance some work."""

import pytest

from lr_demo.config import Mode, RunSettings, Schedule, VerifierKind
from lr_demo.decoding.admission import KNOWN_PASSES, BatchCost
from lr_demo.decoding.budget import Budget
from lr_demo.events import Outcome as How
from lr_demo.events import PositionOpened, Role, RoleDegraded, StepCommitted
from lr_demo.models.simulated import Failure
from lr_demo.models.story import SeededStory
from lr_demo.models.virtual_time import run_virtual
from lr_demo.run_state import StepKey, StepPhase
from tests.decoding.scene import Outcome, Scene, settings

REJECTED = SeededStory(12, 8, acceptance=0.0, identical=0.0)
ACCEPTED = SeededStory(12, 8, acceptance=1.0, identical=0.0)
VERDICT_S = 0.05


def judged(story: SeededStory, scene: Scene | None = None, **given: object) -> Outcome:
    scene = scene or Scene(story, verdict_s=VERDICT_S)
    return scene.run(settings(**{"verifier": VerifierKind.JUDGE, "lookahead": 1, "max_tokens": 9999, **given}))


def plain(story: SeededStory) -> Outcome:
    return Scene(story).run(settings(mode=Mode.AUTOREGRESSIVE, max_tokens=9999))


def behind(outcome: Outcome) -> list[PositionOpened]:
    """Positions that were opened behind a step of the target's."""
    return [event for event in outcome.events if isinstance(event, PositionOpened) and event.parent_role is Role.TARGET]


def test_where_all_is_rejected_the_target_never_waits_and_all_of_the_answer_is_one_request() -> None:
    outcome, alone = judged(REJECTED), plain(REJECTED)
    assert outcome.state.text() == alone.state.text()
    assert {step.outcome for step in outcome.state.answer} <= {How.CORRECTED, How.TARGET}
    assert behind(outcome)
    assert outcome.seconds == pytest.approx(alone.seconds, abs=VERDICT_S + 1e-9)
    ahead = [
        each for each in outcome.state.positions.values() if each.parent is not None and each not in behind(outcome)
    ]
    assert outcome.target.requests == 1 + len(ahead)


def test_where_all_is_accepted_what_was_written_on_is_given_up_at_the_verdict() -> None:
    outcome = judged(ACCEPTED, lookahead=3)
    assert all(step.outcome is How.ACCEPTED for step in outcome.state.answer[:-1])
    opened = behind(outcome)
    assert opened
    committed = {event.step: event.t for event in outcome.events if isinstance(event, StepCommitted)}
    for each in opened:
        written = outcome.state.steps[StepKey(each.position, Role.TARGET)]
        assert written.phase is StepPhase.CANCELLED
        assert written.ended == committed[each.step - 1]
        assert 0 < written.tokens < 8
    assert outcome.target.in_flight == outcome.tasks_left == 0


def test_it_needs_a_place_that_nobody_waits_for() -> None:
    assert not behind(judged(ACCEPTED, lookahead=3, parallel_budget=1))
    assert not behind(judged(ACCEPTED, schedule=Schedule.SYNC))


@pytest.mark.parametrize("story", [REJECTED, ACCEPTED])
def test_where_the_request_fails_meanwhile_only_what_was_written_on_is_lost(story: SeededStory) -> None:
    after = 8 + 2  # within the step behind the first one
    scene = Scene(story, verdict_s=VERDICT_S, target_failures={0: Failure(after)})
    outcome, whole = judged(story, scene), judged(story)
    assert outcome.state.text() == whole.state.text()
    assert not [event for event in outcome.events if isinstance(event, RoleDegraded)]
    assert outcome.state.steps[StepKey(behind(outcome)[0].position, Role.TARGET)].tokens in (2, 8)


def test_a_step_goes_on_in_another_request_where_the_first_is_used_up_and_none_is_longer_than_its_cap() -> None:
    outcome, alone = judged(REJECTED, step_cap=9), plain(REJECTED)
    assert outcome.state.text() == alone.state.text()
    assert {len(step.token_ids) for step in outcome.state.steps.values()} <= set(range(10))
    assert outcome.seconds == pytest.approx(alone.seconds, abs=VERDICT_S + 1e-9)


def test_it_pays_where_a_rejection_is_likely_enough_for_what_a_sequence_more_costs() -> None:
    assert may_go_on(accepted=0, second=1.2)
    assert not may_go_on(accepted=20, second=1.2)
    assert not may_go_on(accepted=0, second=4.0)
    assert may_go_on(accepted=0, second=1.2, ahead=False)
    assert not may_go_on(accepted=0, second=4.0, ahead=False), "it would hold up the verdict"


def may_go_on(accepted: int, second: float, *, ahead: bool = True) -> bool:
    """Whether the root's sequence may go on, where two take `second` times as long as one; `ahead`: beside another."""

    async def ask() -> bool:
        cost = BatchCost()
        for n, seconds in ((1, 1.0), (2, second)):
            for _ in range(KNOWN_PASSES + 1):
                cost.add(n, seconds, 0.0)
        with Budget(8, cost).join(RunSettings(parallel_budget=8)) as share:
            for step in range(accepted):
                assert share.listener is not None
                share.listener(StepCommitted(position=step, role=Role.DRAFT, outcome=How.ACCEPTED, step=step, tokens=1))
            for step in (0, 1) if ahead else (0,):
                share.request(step, lambda: True)
            return share.may_go_on()

    return run_virtual(ask())
