"""The five invariants of lookahead reasoning, over random stories, paces, γ, W, M, sync and async, in virtual time."""

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo.benchmark.ideal import asynchronous_s, places
from lr_demo.config import Mode, RunSettings, Schedule, SimulatedSpeculation, VerifierKind
from lr_demo.decoding.answers import final_answer
from lr_demo.events import Outcome as How
from lr_demo.events import Role
from lr_demo.models.protocol import GREEDY, Sampling
from lr_demo.models.story import SeededStory
from lr_demo.run_state import StepPhase
from tests.decoding.scene import Outcome, Scene, settings

stories = st.builds(
    SeededStory,
    steps=st.integers(1, 7),
    tokens_per_step=st.integers(2, 6),
    spread=st.floats(0, 0.9),
    acceptance=st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0]),
    identical=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 10_000),
)
scenes = st.builds(
    Scene,
    story=stories,
    target_s=st.sampled_from([0.001, 0.013, 0.1]),
    draft_s=st.sampled_from([0.0005, 0.0025, 0.02]),
    batch_cost=st.sampled_from([(), (1.0, 1.5, 2.5)]),
    verdict_s=st.sampled_from([0.0, 0.02, 0.5]),
    same_vocabulary=st.booleans(),
    chunk_tokens=st.integers(1, 3),
    speculation=st.none() | st.builds(SimulatedSpeculation, tokens=st.integers(1, 8), acceptance=st.floats(0, 1)),
)
plans = st.builds(
    settings,
    mode=st.sampled_from([Mode.LOOKAHEAD, Mode.AUTO]),
    lookahead=st.integers(1, 5),
    width=st.integers(1, 3),
    parallel_budget=st.integers(1, 6),
    schedule=st.sampled_from(list(Schedule)),
    max_tokens=st.sampled_from([1, 7, 20, 1000]),
    step_cap=st.sampled_from([1, 3, 1000]),
    seed=st.integers(0, 5),
)


@examples(max_examples=500, deadline=None)
@given(scenes, plans)
def test_with_the_exact_verifier_the_answer_is_that_of_plain_decoding(scene: Scene, plan: RunSettings) -> None:
    plain = scene.run(plan.model_copy(update={"mode": Mode.AUTOREGRESSIVE}))
    outcome = scene.run(plan)
    if scene.same_vocabulary:
        assert outcome.answer_ids() == plain.answer_ids()
    assert outcome.state.text() == plain.state.text()
    assert outcome.reason == plain.reason
    _holds_after_the_end(outcome, plan)


@examples(max_examples=500, deadline=None)
@given(
    scenes,
    plans,
    st.sampled_from([GREEDY, Sampling(temperature=0.8)]),
)
def test_with_any_verdicts_the_answer_is_made_of_committed_steps(
    scene: Scene, plan: RunSettings, sampling: Sampling
) -> None:
    scene.sampling = sampling
    outcome = scene.run(plan.model_copy(update={"verifier": VerifierKind.JUDGE}))
    state = outcome.state
    assert [state.positions[step.key.position].step for step in state.answer] == list(range(len(state.answer)))
    for step in state.answer:
        written = state.steps[step.key]
        assert written.phase == StepPhase(step.outcome)
        assert (step.key.role is Role.DRAFT) == (step.outcome is How.ACCEPTED)
        if step.outcome is How.ACCEPTED:
            assert written.verdict is not None
            assert written.verdict.accepted
    _holds_after_the_end(outcome, plan)


def _holds_after_the_end(outcome: Outcome, plan: RunSettings) -> None:
    assert outcome.target.most_in_flight <= plan.parallel_budget
    assert outcome.target.in_flight == outcome.draft.in_flight == outcome.tasks_left == 0
    assert all(step.phase not in (StepPhase.WRITING, StepPhase.JUDGING) for step in outcome.state.steps.values())
    assert sum(step.tokens for step in outcome.state.answer) <= plan.max_tokens


@examples(max_examples=400, deadline=None)
@given(scenes, plans)
def test_the_asynchronous_schedule_is_as_short_as_the_ideal_one(scene: Scene, plan: RunSettings) -> None:
    scene.batch_cost, scene.same_vocabulary, scene.speculation = (), True, None
    scene.draft_s *= 1.0123457  # no two ends at the same moment, whose order would decide what is late
    plan = plan.model_copy(
        update={
            "mode": Mode.LOOKAHEAD,
            "width": 1,
            "parallel_budget": 64,
            "schedule": Schedule.ASYNC,
            "verifier": VerifierKind.JUDGE,
        }
    )
    outcome = scene.run(plan)
    ideal = asynchronous_s(places(outcome.state, scene.target_s, scene.draft_s), plan.lookahead)
    assert outcome.seconds == pytest.approx(ideal, abs=1e-9)


def test_a_simulated_run_ends_with_its_boxed_answer() -> None:
    outcome = Scene(story=SeededStory(steps=5, tokens_per_step=8)).run(settings())
    assert final_answer(outcome.state.text()) is not None
    assert outcome.reason == "end_of_sequence"
