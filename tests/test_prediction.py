"""Predictions: equal to theory where it holds, and to runs of the real scheduler where it does not."""

from dataclasses import replace

import pytest

from lr_demo.config import Mode, RunSettings, Schedule
from lr_demo.errors import ConfigError
from lr_demo.prediction import (
    PLAIN,
    Bottleneck,
    Choice,
    Costs,
    Pace,
    Workload,
    best_settings,
    bottleneck,
    choices,
    predict,
)
from lr_demo.theory import Layer, lookahead, speculative
from tests.simulated_grid import Point, some

FREE = Costs(Pace(((1, 0.01),)), Pace(((1, 0.002),)))
EVEN = Workload(acceptance=0.6)
WITHOUT_ROOM = replace(FREE, target=Pace(tuple((n, 0.01 * n) for n in (1, 2, 4, 8))))


def speedup(costs: Costs, workload: Workload, choice: Choice) -> float:
    return predict(costs, workload, choice).tokens_per_s / predict(costs, workload, PLAIN).tokens_per_s


@pytest.mark.parametrize("gamma", [1, 2, 4, 6])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 0.8, 1.0])
def test_where_theory_holds_the_prediction_is_the_theory_s(alpha: float, gamma: int) -> None:
    workload, steps = Workload(acceptance=alpha), Layer(alpha, 0.2)
    choice = Choice(gamma, budget=64)
    rounds = replace(choice, schedule=Schedule.SYNC)
    assert speedup(FREE, workload, rounds) == pytest.approx(lookahead(steps, gamma + 1, Schedule.SYNC))
    # γ drafted steps ahead of the accepted text lie between the formula's k₁ = γ and γ + 1 steps in flight.
    found = speedup(FREE, workload, choice)
    assert lookahead(steps, gamma) - 0.01 <= found <= lookahead(steps, gamma + 1) + 0.01


@pytest.mark.parametrize("proposals", [1, 4, 8])
def test_token_level_speculation_alone_is_the_theory_s_with_free_proposals(proposals: int) -> None:
    found = speedup(FREE, replace(EVEN, token_acceptance=0.7), Choice(proposals=proposals))
    assert found == pytest.approx(speculative(Layer(0.7, 1e-12), proposals + 1))


@pytest.mark.parametrize("ratio", [0.05, 0.2])
@pytest.mark.parametrize("alpha", [0.3, 0.8])
def test_a_draft_that_is_waited_for_is_the_theory_s_with_as_many_proposals_as_are_best(
    alpha: float, ratio: float
) -> None:
    costs = Costs(Pace(((1, 0.01),)), Pace(((1, 0.01 * ratio),)), drafts_between=True, target_slowed=3.0)
    found = speedup(costs, replace(EVEN, token_acceptance=alpha), Choice(proposals=16, drafted=True))
    assert found == pytest.approx(max(speculative(Layer(alpha, ratio), k + 1) for k in range(1, 17)))
    asked = replace(EVEN, token_acceptance=0.1, drafted_token_acceptance=0.1, asked_token_acceptance=alpha)
    assert speedup(costs, asked, Choice(proposals=16, drafted=True)) == found
    parts = predict(costs, EVEN, Choice(proposals=16, drafted=True)).shares
    assert parts.draft > 0
    assert parts.target + parts.draft == pytest.approx(1)


@pytest.mark.parametrize(
    ("choice", "reads_s"),
    [
        (PLAIN, 0.0),
        (Choice(proposals=8, drafted=True), 0.6),
        (Choice(1, schedule=Schedule.SYNC), 0.6),
        (Choice(1, proposals=8, drafted=True, schedule=Schedule.SYNC), 0.6),
        (Choice(1), 0.0),
    ],
)
def test_a_draft_that_the_target_waits_for_has_to_read_the_prompt_first(choice: Choice, reads_s: float) -> None:
    costs = Costs(Pace(((1, 0.08),)), Pace(((1, 0.01),), read_s=0.003), drafts_between=True)
    short, long = (predict(costs, replace(EVEN, prompt_tokens=n), choice) for n in (0.0, 200.0))
    seconds = [EVEN.answer_tokens / each.tokens_per_s for each in (short, long)]
    assert seconds[1] - seconds[0] == pytest.approx(reads_s)


def test_the_cost_of_a_proposal_limits_how_many_drafted_ones_are_taken() -> None:
    costly = replace(FREE, proposal_s=0.004)
    choice = Choice(4, proposals=16, drafted=True)
    few, many = (predict(costly, EVEN, replace(choice, proposals=n)).tokens_per_s for n in (2, 16))
    assert many > 0.95 * few  # what a pass comes to beyond a step's end is reckoned with the most there may be
    waiting = replace(costly, drafts_between=True)
    assert (
        bottleneck(replace(waiting, draft=Pace(((1, 0.02),))), EVEN, Choice(proposals=4, drafted=True))
        is Bottleneck.DRAFT
    )


@pytest.mark.parametrize("point", some(53), ids=str)
def test_a_run_in_virtual_time_is_predicted_within_ten_percent(point: Point) -> None:
    assert abs(point.error()) < 0.1


def test_what_makes_a_run_slower_makes_its_prediction_slower() -> None:
    choice = Choice(4, proposals=4)
    costs = replace(FREE, verdict_s=0.02)
    assert costs.draft is not None
    now = predict(costs, EVEN, choice).tokens_per_s
    worse = [
        (replace(costs, verdict_s=0.2), EVEN),
        (replace(costs, target=WITHOUT_ROOM.target), EVEN),
        (replace(costs, draft=Pace(((1, 0.006),))), EVEN),
        (replace(costs, target_slowed=1.5), EVEN),
        (replace(costs, draft=replace(costs.draft, start_s=0.05)), EVEN),
        (replace(costs, proposal_s=0.001), EVEN),
        (costs, replace(EVEN, acceptance=0.4)),
        (costs, replace(EVEN, token_acceptance=0.2)),
        (costs, replace(EVEN, spread=0.8)),
        (costs, replace(EVEN, prompt_tokens=1000, answer_tokens=100)),
    ]
    read = replace(costs, target=replace(costs.target, read_s=0.001))
    for other_costs, workload in worse[:-1]:
        assert predict(other_costs, workload, choice).tokens_per_s < now * 0.99
    assert predict(read, worse[-1][1], choice).tokens_per_s < now * 0.8


@pytest.mark.parametrize("schedule", list(Schedule))
@pytest.mark.parametrize("choice", [PLAIN, Choice(proposals=4), Choice(1), Choice(6, 4), Choice(3, width=2)])
def test_the_shares_of_the_time_add_up(choice: Choice, schedule: Schedule) -> None:
    costs = replace(WITHOUT_ROOM, verdict_s=0.1, target_slowed=1.2, draft_slowed=1.3)
    found = predict(costs, replace(EVEN, spread=0.5), replace(choice, schedule=schedule))
    shares = found.shares
    parts = (shares.target, shares.batch, shares.contention, shares.verdicts, shares.draft, shares.start)
    assert sum(parts) == pytest.approx(1)
    assert all(part >= -1e-9 for part in parts)
    assert 0 < found.sequences <= 8


def test_the_bottleneck_is_what_it_would_help_most_to_mend() -> None:
    asked = Choice(4)
    good = Workload(acceptance=0.95)
    assert bottleneck(FREE, EVEN, PLAIN) is Bottleneck.TARGET
    assert bottleneck(FREE, EVEN, asked) is Bottleneck.ACCEPTANCE
    assert bottleneck(WITHOUT_ROOM, good, asked) is Bottleneck.PARALLELISM
    assert bottleneck(replace(FREE, draft=Pace(((1, 0.009),))), good, asked) is Bottleneck.DRAFT
    assert bottleneck(replace(FREE, verdict_s=2.0), good, asked) is Bottleneck.VERDICTS


def test_the_best_setting_leaves_lookahead_off_where_it_loses() -> None:
    assert best_settings(WITHOUT_ROOM, Workload(acceptance=0.3), choices()).choice.mode is Mode.AUTOREGRESSIVE
    best = best_settings(FREE, EVEN, choices(proposals=(6,), budget=64))
    assert best.choice.mode is Mode.LOOKAHEAD_SPECULATIVE
    assert best.choice.schedule is Schedule.ASYNC
    with pytest.raises(ConfigError, match="nothing to choose from"):
        best_settings(FREE, EVEN, ())


def test_settings_are_read_as_a_choice() -> None:
    settings = RunSettings(mode=Mode.LOOKAHEAD_SPECULATIVE, lookahead=5, width=2, parallel_budget=16)
    assert Choice.of(settings, 8) == Choice(5, 8, 2, Schedule.ASYNC, 16)
    assert Choice.of(settings.model_copy(update={"mode": Mode.AUTOREGRESSIVE}), 8) == replace(PLAIN, width=2, budget=16)
    with pytest.raises(ConfigError, match="specreason is not predicted"):
        Choice.of(RunSettings(mode=Mode.SPECREASON))


def test_costs_that_cannot_be_are_refused() -> None:
    for points in ((), ((1, 0.0),), ((2, 0.1), (1, 0.1)), ((0, 0.1),)):
        with pytest.raises(ConfigError, match="seconds of a pass"):
            Pace(points)
    with pytest.raises(ConfigError, match="probe a profile with one"):
        predict(Costs(FREE.target), EVEN, Choice(2))


def test_a_pace_is_interpolated_and_goes_on() -> None:
    pace = Pace(((1, 0.01), (2, 0.02), (4, 0.03)))
    assert [pace.seconds(n) for n in (0.5, 1, 1.5, 3, 8)] == pytest.approx([0.01, 0.01, 0.015, 0.025, 0.05])
