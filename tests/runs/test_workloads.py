"""What recorded runs say of the work, and what is assumed where none is recorded."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest

from lr_demo.config import (
    DraftedSpeculation,
    Mode,
    RunSettings,
    Schedule,
    SimulatedSpeculation,
    VerifierKind,
    parse_profile,
)
from lr_demo.events import RunFinished, RunStatus, TokenSpeculation
from lr_demo.models.story import SeededStory
from lr_demo.prediction import Choice, Costs, Pace, predict
from lr_demo.run_state import fold
from lr_demo.runs.roles import model_names
from lr_demo.runs.traces import TraceStore, read_trace
from lr_demo.runs.workloads import ASSUMED, Counts, counts_of, recorded_workload, workload_of
from lr_demo.theory import accepted_mean, token_acceptance
from tests.decoding.scene import Scene, settings
from tests.runs.simulated_profile import DRAFTED, TEXT
from tests.ui.recorded import LOOKAHEAD, record

PROFILE = parse_profile(TEXT, "quick.yaml")
MODELS = {"target": "simulated", "draft": "simulated", "judge": "simulated"}
STORY = SeededStory(steps=300, tokens_per_step=12, spread=0.5, acceptance=0.7, identical=0.4)


def test_acceptance_lengths_and_verdicts_are_those_of_the_runs() -> None:
    state = Scene(STORY).run(LOOKAHEAD).state
    found = workload_of([counts_of(state)])
    work = found.workload
    assert work.acceptance == pytest.approx(0.7, abs=0.08)
    assert work.identical == pytest.approx(0.4, abs=0.1)
    assert (work.target_tokens, work.draft_tokens) == pytest.approx((12, 12), rel=0.06)
    assert work.spread == pytest.approx(0.5 / 3**0.5, rel=0.15)
    assert work.correlation == pytest.approx(0.3, abs=0.15)
    assert work.answer_tokens == sum(step.tokens for step in state.answer)
    assert found.source.startswith("recorded in 1 run, ")


def test_a_prompt_has_tokens_as_long_as_the_answer_s(tmp_path: Path) -> None:
    record(tmp_path, "mine1", story=STORY, settings=LOOKAHEAD, models=MODELS)
    store = TraceStore(tmp_path)
    (header,) = store.headers()
    state = fold(read_trace(header.path))
    assert state.started is not None
    work = recorded_workload(store, PROFILE, LOOKAHEAD).workload
    share = len(state.started.prompt) / len(state.text())
    assert work.prompt_tokens == pytest.approx(share * work.answer_tokens)


def test_without_enough_comparisons_it_is_assumed_and_says_so() -> None:
    short = counts_of(Scene(SeededStory(steps=3, tokens_per_step=6)).run(LOOKAHEAD).state)
    for runs in ([], [short]):
        found = workload_of(runs)
        assert (found.workload, found.runs) == (ASSUMED, 0)
        assert found.source.startswith("assumed")


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9, 1.0])
def test_the_acceptance_of_tokens_is_found_from_the_tokens_of_a_pass(rate: float) -> None:
    assert token_acceptance(accepted_mean(rate, 7), 6) == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize("acceptance", [0.3, 0.6])
@pytest.mark.parametrize("lookahead", [1, 2, 4])
def test_rounds_with_drafted_steps_as_proposals_are_predicted_from_what_runs_told(
    lookahead: int, acceptance: float
) -> None:
    """Draft and target on the same cores: beside each other either would take three times as long."""
    plan = settings(
        mode=Mode.LOOKAHEAD_SPECULATIVE, schedule=Schedule.SYNC, lookahead=lookahead, verifier=VerifierKind.JUDGE
    ).model_copy(update={"max_tokens": 10_000})
    told, tokens, seconds = [], 0, 0.0
    for seed in range(3):
        story = SeededStory(60, 40, 0.5, acceptance, acceptance / 2, seed)
        scene = Scene(
            story,
            0.07,
            0.02,
            (1.0, 1.07, 1.14, 1.2),
            0.2,
            contention=3.0,
            speculation=DraftedSpeculation(method="drafted"),
        )
        outcome = scene.run(plan)
        counted = asyncio.run(outcome.target.count())
        counts = replace(
            counts_of(outcome.state),
            saved=counted.accepted_tokens,
            proposed=counted.proposed_tokens,
            speculation="drafted",
        )
        told.append(counts)
        tokens, seconds = tokens + counts.answer_tokens, seconds + outcome.seconds
    passes = tuple((n, 0.07 * cost) for n, cost in enumerate((1.0, 1.07, 1.14, 1.2), start=1))
    costs = Costs(Pace(passes), Pace(((1, 0.02),)), verdict_s=0.2, target_slowed=3.0, draft_slowed=3.0)
    most = DraftedSpeculation(method="drafted").tokens
    found = predict(costs, workload_of(told, most, "drafted").workload, Choice.of(plan, most, drafted=True))
    assert found.tokens_per_s == pytest.approx(tokens / seconds, rel=0.1)


def test_only_finished_runs_of_the_same_models_and_verifier_count(tmp_path: Path) -> None:
    settings = LOOKAHEAD.model_copy(update={"parallel_budget": 16})
    record(tmp_path, "mine1", story=STORY, settings=settings, models=MODELS)
    record(tmp_path, "other1", story=STORY, settings=settings, models={**MODELS, "draft": "another"})
    record(tmp_path, "plain1", settings=settings.model_copy(update={"mode": Mode.AUTOREGRESSIVE}), models=MODELS)
    store = TraceStore(tmp_path)
    assert recorded_workload(store, PROFILE, settings).runs == 1
    assert recorded_workload(store, PROFILE, settings, besides="mine1").runs == 0
    exact = RunSettings.model_validate({**settings.model_dump(), "verifier": "exact"})
    assert recorded_workload(store, PROFILE, exact).runs == 0


def asked(right: float, passes: int = 2000) -> Counts:
    """A run in which the draft was asked for three to twelve tokens a pass."""
    dice, saved, proposed = random.Random(3), 0, 0
    for _ in range(passes):
        most = dice.randint(3, 12)
        proposed += most
        saved += next((n for n in range(most) if dice.random() >= right), most)
    counts = Scene(STORY).run(LOOKAHEAD.model_copy(update={"mode": Mode.SPECULATIVE})).state
    return replace(counts_of(counts), written=passes + saved, saved=saved, proposed=proposed)


@pytest.mark.parametrize("right", [0.4, 0.7, 0.92])
def test_proposals_that_are_asked_for_between_passes_tell_their_own_acceptance(right: float) -> None:
    found = workload_of([], asked=[asked(right)])
    assert found.workload.asked_token_acceptance == pytest.approx(right, abs=0.03)
    assert (found.workload.acceptance, found.runs) == (ASSUMED.acceptance, 0)
    assert workload_of([]).workload.asked_token_acceptance is None


@pytest.mark.parametrize("drafting", ["between", "beside"])
def test_runs_in_which_the_draft_was_asked_count_where_it_is_asked(tmp_path: Path, drafting: str) -> None:
    profile = parse_profile(DRAFTED.replace("method: drafted", f"method: drafted, drafting: {drafting}"), "d.yaml")
    plan = LOOKAHEAD.model_copy(update={"mode": Mode.SPECULATIVE})
    counted = TokenSpeculation(drafts=10, proposed_tokens=80, accepted_tokens=60)
    ended = RunFinished(status=RunStatus.FINISHED, reason="end_of_sequence", speculation=counted)
    record(tmp_path, "asked1", story=STORY, settings=plan, models=model_names(profile, plan), ended=ended)
    rate = recorded_workload(TraceStore(tmp_path), profile, LOOKAHEAD).workload.asked_token_acceptance
    assert (rate is None) == (drafting == "beside")


def test_a_probe_tells_what_no_run_told() -> None:
    scene = Scene(STORY, speculation=SimulatedSpeculation(tokens=4, acceptance=0.8))
    found = workload_of([counts_of(scene.run(LOOKAHEAD).state)], 4)
    assert found.fitted(accepted_mean(0.6, 5), 4).token_acceptance == pytest.approx(0.6)
    assert found.fitted(None, 4).token_acceptance == ASSUMED.token_acceptance
