"""The synchronous schedule: γ drafts in turn, all expansions in one batch, verdicts, the target's step after them."""

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo.config import Schedule, VerifierKind
from lr_demo.events import CycleStarted, PositionOpened, Role, StepStarted
from lr_demo.models.story import SeededStory
from lr_demo.run_state import StepKey
from tests.decoding.scene import Outcome, Scene, settings

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
def test_a_round_lasts_as_its_drafts_in_turn_its_longest_expansion_and_its_verdicts(scene: Scene, ahead: int) -> None:
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
    drafted = [steps[key] for p in positions if (key := StepKey(p.position, Role.DRAFT)) in steps]
    expanded = [steps[StepKey(p.position, Role.TARGET)] for p in positions]
    waited = 0.0
    for step in drafted:  # verdicts run at the same time; those after the first reject are not waited for
        assert step.verdict is not None
        waited = max(waited, step.verdict.latency_s)
        if not step.verdict.accepted:
            break
    drafting = sum(len(step.token_ids) for step in drafted) * scene.draft_s
    return drafting + max(len(step.token_ids) for step in expanded) * scene.target_s + waited


def test_expansions_of_a_round_start_together_after_its_drafts() -> None:
    outcome = Scene(story=SeededStory(9, 4, acceptance=1.0)).run(settings(lookahead=3, schedule=Schedule.SYNC))
    started = [e.t for e in outcome.events if isinstance(e, StepStarted) and e.role is Role.TARGET]
    assert len(set(started[:4])) == 1
