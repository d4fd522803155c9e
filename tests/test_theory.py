"""The paper's formulas: their limits, their agreement with each other, and the published points (arXiv 2506.19830)."""

import itertools

import pytest

from lr_demo.config import Schedule
from lr_demo.errors import ConfigError
from lr_demo.theory import Layer, best, combined, lookahead, parallel_sequences, speculative

TABLE_1 = {  # target and draft: (accept, LR, SD, LR+SD) by benchmark; lookahead 6, the draft about a fifth of a step
    "R1-Distill 32B, 1.5B": {
        "AIME24": (0.47, 1.36, 1.53, 1.82),
        "AMC23": (0.58, 1.48, 1.50, 2.00),
        "GSM8K": (0.63, 1.71, 1.39, 2.11),
        "HumanEval": (0.44, 1.27, 1.32, 1.54),
        "GPQA": (0.35, 1.14, 1.48, 1.63),
        "MT-Bench": (0.48, 1.27, 1.25, 1.51),
        "LiveCodeBench": (0.47, 1.21, 1.45, 1.58),
    },
    "Qwen3 32B, 1.7B": {
        "AIME24": (0.43, 1.12, 1.40, 1.49),
        "AMC23": (0.53, 1.22, 1.38, 1.62),
        "GSM8K": (0.50, 1.32, 1.32, 1.68),
        "HumanEval": (0.39, 1.13, 1.32, 1.39),
        "GPQA": (0.30, 1.04, 1.40, 1.44),
        "MT-Bench": (0.38, 1.10, 1.41, 1.49),
        "LiveCodeBench": (0.40, 1.08, 1.25, 1.32),
    },
}
POINTS = [
    pytest.param(*figures, id=f"{pair}, {benchmark}")
    for pair, rows in TABLE_1.items()
    for benchmark, figures in rows.items()
]


@pytest.mark.parametrize(("accept", "lr", "sd", "both"), POINTS)
def test_a_published_speedup_stays_below_what_free_verdicts_and_equal_steps_would_give(
    accept: float, lr: float, sd: float, both: float
) -> None:
    bound = lookahead(Layer(accept, 0.2), 6)
    assert 0.68 < lr / bound < 1
    assert both / bound < sd


@pytest.mark.parametrize(("accept", "lr", "sd", "both"), POINTS)
def test_published_gains_multiply_as_the_formula_has_it(accept: float, lr: float, sd: float, both: float) -> None:
    assert 0.87 < both / (lr * sd) < 1
    steps, tokens = Layer(accept, 0.2), Layer(0.4, 0.01)
    product = lookahead(steps, 6) * speculative(tokens, 8)
    assert combined(steps, tokens, 6, 8, Schedule.ASYNC) == pytest.approx(product)


@pytest.mark.parametrize(
    ("alpha1", "alpha2", "cost1", "cost2", "budget"),
    list(itertools.product((0.53, 0.79), (0.53, 0.79), (0.05, 0.33), (0.01, 0.19), (16, 40))),
)
def test_using_both_is_strictly_best_where_the_paper_says_so(
    alpha1: float, alpha2: float, cost1: float, cost2: float, budget: int
) -> None:
    found = best(Layer(alpha1, cost1), Layer(alpha2, cost2), budget)
    assert found.steps > 1
    assert found.tokens > 1
    assert found.tokens * parallel_sequences(Layer(alpha1, cost1), found.steps) <= budget


def test_little_room_is_best_left_to_one_of_them() -> None:
    assert best(Layer(0.6, 0.2), Layer(0.7, 0.05), budget=1).speedup == 1
    tight = best(Layer(0.6, 0.2), Layer(0.7, 0.05), budget=3)
    assert 1 in (tight.steps, tight.tokens)


@pytest.mark.parametrize("cost", [0.1, 0.25, 0.3])
@pytest.mark.parametrize("alpha", [0.3, 0.6, 0.9])
def test_the_asynchronous_speedup_grows_until_more_lookahead_is_of_no_use(alpha: float, cost: float) -> None:
    layer = Layer(alpha, cost)
    speedups = [lookahead(layer, ahead) for ahead in range(1, 30)]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(speedups[: round(1 / cost) - 1]))
    assert speedups[-1] == pytest.approx(1 / (cost + (1 - cost) * (1 - alpha)))
    assert all(f >= lookahead(layer, ahead, Schedule.SYNC) for ahead, f in enumerate(speedups, start=1))


def test_nothing_ahead_changes_nothing_and_perfect_drafts_are_bounded_by_their_cost() -> None:
    assert lookahead(Layer(0.7, 0.2), 1) == speculative(Layer(0.7, 0.2), 1) == 1
    assert lookahead(Layer(1, 0.2), 8) == pytest.approx(5)
    assert lookahead(Layer(1, 0.1), 4) == 4
    assert speculative(Layer(0, 0.2), 4) < 1


@pytest.mark.parametrize(("acceptance", "cost"), [(-0.1, 0.2), (1.1, 0.2), (0.5, 0), (0.5, -1)])
def test_what_cannot_be_is_refused(acceptance: float, cost: float) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        Layer(acceptance, cost)


def test_no_step_ahead_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        lookahead(Layer(0.5, 0.2), 0)
