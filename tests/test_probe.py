"""A probe finds what the simulated models were set to; in virtual time."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from lr_demo.config import DraftedSpeculation, RunSettings, SimulatedSpeculation
from lr_demo.decoding.engine import Cast
from lr_demo.models.protocol import GREEDY, Chunk, GenerationRequest
from lr_demo.models.simulated import SimulatedModel
from lr_demo.models.story import SeededStory
from lr_demo.models.virtual_time import run_virtual
from lr_demo.prediction import Costs
from lr_demo.probe import Measured, Probe
from lr_demo.runs.speculation import SpeculationMeter
from lr_demo.verification.simulated import SimulatedVerifier
from tests.decoding.scene import Scene

STORY = SeededStory(steps=400, tokens_per_step=20)
BATCH = (1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5)


def probed(
    budget: int = 8,
    seconds: float = 45.0,
    target_s: float = 0.02,
    speculation: SimulatedSpeculation | DraftedSpeculation | None = None,
    proposal_growth: float = 0.0,
) -> Measured:
    """What a probe finds of simulated models."""

    async def measure() -> Measured:
        target, draft = Scene(STORY, target_s, draft_s=0.005, batch_cost=BATCH).models()
        cast = Cast(target, GREEDY, draft, GREEDY, SimulatedVerifier("judge", 0.3))
        speculative, _ = Scene(STORY, target_s, batch_cost=BATCH, speculation=speculation).models()
        speculative.proposal_growth = proposal_growth
        other = Cast(speculative, GREEDY) if speculation is not None else None
        drafted = isinstance(speculation, DraftedSpeculation)
        return await Probe(cast, budget, seconds).run(other, SpeculationMeter(speculative.count), drafted=drafted)

    return run_virtual(measure())


def paces(costs: Costs) -> dict[int, float]:
    return dict(costs.target.pass_s)


def test_it_finds_paces_batch_costs_and_the_time_of_a_verdict() -> None:
    found = probed()
    assert paces(found.costs) == pytest.approx({n: 0.02 * BATCH[n - 1] for n in (1, 2, 4, 8)}, rel=0.02)
    assert found.costs.draft is not None
    assert found.costs.draft.pass_s[0][1] == pytest.approx(0.005, rel=0.02)
    assert found.costs.verdict_s == pytest.approx(0.3)
    assert (found.costs.target_slowed, found.costs.draft_slowed) == pytest.approx((1, 1), abs=0.02)
    assert found.costs.speculative is None
    assert not found.left_out


def test_it_measures_no_larger_batch_than_may_be_used() -> None:
    assert list(paces(probed(budget=3).costs)) == [1, 2]


def test_slow_models_get_fewer_tokens_and_the_largest_batches_are_left_out() -> None:
    found = probed(seconds=25, target_s=0.7)
    assert found.seconds < 40
    assert paces(found.costs)[1] == pytest.approx(0.7, rel=0.02)
    assert "target with 8 sequences" in found.left_out
    assert 8 not in paces(found.costs)


def test_a_pass_with_proposals_and_what_it_comes_to_are_found() -> None:
    found = probed(speculation=SimulatedSpeculation(tokens=4, acceptance=1.0))
    assert found.costs.speculative is not None
    assert found.costs.speculative.pass_s[0][1] == pytest.approx(0.02, rel=0.05)
    assert found.tokens_a_pass == pytest.approx(5, rel=0.05)


def test_a_slow_server_that_takes_drafted_steps_still_gets_more_than_one_pass_of_them() -> None:
    found = probed(target_s=0.7, speculation=DraftedSpeculation(method="drafted", tokens=16), proposal_growth=0.03)
    assert found.costs.speculative is not None
    assert found.costs.speculative.pass_s[0][1] == pytest.approx(0.7, rel=0.05)
    assert found.costs.proposal_s == pytest.approx(0.021, rel=0.25)


def test_a_server_that_takes_drafted_steps_is_given_some() -> None:
    found = probed(speculation=DraftedSpeculation(method="drafted", tokens=8))
    assert found.costs.speculative is not None
    assert found.costs.speculative.pass_s[0][1] == pytest.approx(0.02, rel=0.1)
    assert found.tokens_a_pass is None


def test_what_a_proposal_costs_is_found_where_there_are_passes_without_any() -> None:
    found = probed(speculation=DraftedSpeculation(method="drafted", tokens=8), proposal_growth=0.05)
    assert found.costs.speculative is not None
    assert found.costs.speculative.pass_s[0][1] == pytest.approx(0.02, rel=0.1)
    assert found.costs.proposal_s == pytest.approx(0.02 * 0.05, rel=0.3)


def test_nothing_of_a_probe_is_left_behind() -> None:
    async def leftovers() -> int:
        target, draft = Scene(STORY).models()
        await Probe(Cast(target, GREEDY, draft, GREEDY), RunSettings().parallel_budget).run()
        return target.in_flight + draft.in_flight + len(asyncio.all_tasks()) - 1

    assert run_virtual(leftovers()) == 0


@pytest.mark.parametrize("shared", [True, False])
def test_whether_requests_share_what_was_read_is_found(shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = SimulatedModel.generate
    read: dict[tuple[int, ...], int] = {}
    """Places that have read a prompt."""

    async def reading(model: SimulatedModel, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        prompt, places = tuple(request.prompt), model.in_flight + 1
        if read.get(prompt, 0) < (1 if shared else places):
            read[prompt] = places
            await asyncio.sleep(0.001 * len(prompt))
        async for chunk in generate(model, request):
            yield chunk

    monkeypatch.setattr(SimulatedModel, "generate", reading)
    assert probed().costs.unshared == pytest.approx(0.0 if shared else 1.0, abs=0.1)
