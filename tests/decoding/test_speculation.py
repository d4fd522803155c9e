"""Token-level speculation on the simulated models in virtual time: its law, and how it multiplies with lookahead."""

import asyncio
from dataclasses import replace

import pytest

from lr_demo.config import Mode, SimulatedSpeculation, VerifierKind
from lr_demo.decoding.emission import FRAME_S
from lr_demo.models.story import SeededStory
from lr_demo.run_state import StepKey
from tests.decoding.scene import Outcome, Scene, settings

LONG = SeededStory(steps=60, tokens_per_step=40, spread=0.3, acceptance=0.7, identical=0.3)


def plain(scene: Scene) -> Outcome:
    return scene.run(settings(mode=Mode.AUTOREGRESSIVE, max_tokens=10_000))


def lookahead(scene: Scene) -> Outcome:
    plan = settings(mode=Mode.LOOKAHEAD, verifier=VerifierKind.JUDGE, lookahead=4, parallel_budget=64)
    return scene.run(plan.model_copy(update={"max_tokens": 10_000}))


@pytest.mark.parametrize(("tokens", "acceptance"), [(1, 0.5), (3, 0.8), (6, 0.5), (6, 0.9), (6, 0.0), (6, 1.0)])
def test_a_pass_writes_as_many_tokens_as_the_geometric_mean_says(tokens: int, acceptance: float) -> None:
    scene = Scene(LONG, speculation=SimulatedSpeculation(tokens=tokens, acceptance=acceptance))
    outcome = plain(scene)
    expected = tokens + 1 if acceptance == 1 else (1 - acceptance ** (tokens + 1)) / (1 - acceptance)
    counted = asyncio.run(outcome.target.count())
    assert counted.mean_accepted_length == pytest.approx(expected, rel=0.05)
    without = plain(Scene(LONG))
    assert without.seconds / outcome.seconds == pytest.approx(expected, rel=0.05)
    assert outcome.answer_ids() == without.answer_ids()


def test_a_chunk_holds_the_tokens_of_a_pass() -> None:
    slow = 2 * FRAME_S  # so that no two passes share an event
    long_step = SeededStory(steps=2, tokens_per_step=2000)
    scene = Scene(long_step, target_s=slow, speculation=SimulatedSpeculation(tokens=4, acceptance=0.7))
    outcome = plain(scene)
    deltas = [event.tokens for event in outcome.events if event.type == "step_delta"]
    assert set(deltas) == {1, 2, 3, 4, 5}
    # The pass over the boundary is told to both steps, and the last one may have had no room for a proposal.
    assert len(deltas) - outcome.target.drafts in (0, 1, 2)


def test_what_a_pass_writes_of_two_steps_is_told_to_each() -> None:
    texts = []
    for speculation in (SimulatedSpeculation(tokens=4, acceptance=0.7), None):
        outcome = plain(Scene(LONG, speculation=speculation))
        texts.append([outcome.state.steps[StepKey(*step.key)].text for step in outcome.state.answer])
    assert texts[0] == texts[1]


def test_what_a_model_proposes_is_the_same_whenever_it_is_asked_the_same() -> None:
    scene = Scene(LONG, speculation=SimulatedSpeculation())
    assert asyncio.run(plain(scene).target.count()) == asyncio.run(plain(scene).target.count())


def test_no_more_is_proposed_than_may_be_written() -> None:
    scene = Scene(LONG, speculation=SimulatedSpeculation(tokens=6, acceptance=1.0))
    for limit, proposed in ((1, 0), (3, 2), (7, 6), (9, 7)):
        target = scene.run(settings(mode=Mode.AUTOREGRESSIVE, max_tokens=limit)).target
        assert target.proposed_tokens == proposed


def test_without_speculation_nothing_is_counted() -> None:
    counted = asyncio.run(plain(Scene(LONG)).target.count())
    assert (counted.drafts, counted.acceptance_rate, counted.mean_accepted_length) == (0, None, None)


def test_the_speedups_of_lookahead_and_of_token_speculation_multiply() -> None:
    alone = Scene(LONG, draft_s=0.0005, verdict_s=0.0)
    both = replace(alone, speculation=SimulatedSpeculation(tokens=6, acceptance=0.5))
    plain_s = plain(alone).seconds
    speculative, ahead, together = (plain_s / run.seconds for run in (plain(both), lookahead(alone), lookahead(both)))
    assert speculative > 1.8
    assert ahead > 1.8
    assert together == pytest.approx(speculative * ahead, rel=0.06)
