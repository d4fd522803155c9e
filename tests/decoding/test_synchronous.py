"""The synchronous schedule: γ drafts in turn, all expansions in one batch, and verdicts as they can be given."""

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo.config import Schedule, VerifierKind
from lr_demo.events import CycleStarted, PositionOpened, Role, StepCancelled, StepStarted
from lr_demo.models.story import ScriptedStory, SeededStory
from lr_demo.run_state import StepKey
from lr_demo.verification.exact import ExactVerifier
from tests.decoding.scene import Outcome, Scene, settings
from tests.decoding.test_early_verdicts import Blind

scenes = st.builds(
    Scene,
    story=st.builds(
        SeededStory,
        steps=st.integers(1, 8),
        tokens_per_step=st.integers(2, 6),
        spread=st.floats(0, 0.9),
        acceptance=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
        identical=st.sampled_from([0.0, 1.0]),
        seed=st.integers(0, 1000),
    ),
)


@examples(max_examples=300, deadline=None)
@given(scenes, st.integers(1, 5))
def test_a_round_lasts_as_its_drafts_in_turn_and_then_until_a_reject_or_the_step_behind_them(
    scene: Scene, ahead: int
) -> None:
    plan = settings(lookahead=ahead, schedule=Schedule.SYNC, verifier=VerifierKind.JUDGE, parallel_budget=64)
    outcome = scene.run(plan)
    assert outcome.seconds == pytest.approx(sum(round_s(scene, outcome, first) for first in rounds(outcome)), abs=1e-9)


def rounds(outcome: Outcome) -> list[list[PositionOpened]]:
    """The positions of each round, in order."""
    found: list[list[PositionOpened]] = []
    for event in outcome.events:
        if isinstance(event, CycleStarted):
            found.append([])
        elif isinstance(event, PositionOpened):
            found[-1].append(event)
    return found


def round_s(scene: Scene, outcome: Outcome, positions: list[PositionOpened]) -> float:
    steps = outcome.state.steps
    drafted = [steps.get(StepKey(p.position, Role.DRAFT)) for p in positions]
    drafting = sum(len(step.token_ids) for step in drafted if step is not None) * scene.draft_s
    decided = 0.0
    for position, draft in zip(positions, drafted, strict=True):
        expanded = len(steps[StepKey(position.position, Role.TARGET)].token_ids) * scene.target_s
        verdict = draft.verdict if draft is not None else None
        decided = max(decided, expanded + (verdict.latency_s if verdict is not None else 0.0))
        if verdict is None or not verdict.accepted:
            break
    return drafting + decided


def test_a_round_does_not_wait_for_what_its_batch_writes_behind_a_reject() -> None:
    long = "so it goes on and on and on and on and on.\n\n"
    story = ScriptedStory(("This makes 3.\n\n", long, "end"), ("This makes 4.\n\n", long, "end"))
    scene = Scene(story, target_s=0.01, draft_s=0.001, verifier=Blind(ExactVerifier()))
    outcome = scene.run(settings(lookahead=2, schedule=Schedule.SYNC))
    first = outcome.state.answer[0]
    begun = next(e.t for e in outcome.events if isinstance(e, StepStarted) and e.role is Role.TARGET)
    assert first.t == pytest.approx(begun + first.tokens * 0.01)
    behind = [e for e in outcome.events if isinstance(e, StepCancelled) and e.role is Role.TARGET]
    assert {e.t for e in behind} == {first.t}


def test_expansions_of_a_round_start_together_after_its_drafts() -> None:
    outcome = Scene(story=SeededStory(9, 4, acceptance=1.0)).run(settings(lookahead=3, schedule=Schedule.SYNC))
    started = [e.t for e in outcome.events if isinstance(e, StepStarted) and e.role is Role.TARGET]
    assert len(set(started[:4])) == 1
