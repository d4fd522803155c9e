"""What the Live page is told of the theory."""

import httpx
import pytest

from lr_demo.config import Schedule
from lr_demo.theory import Layer, lookahead
from lr_demo.ui.theory_routes import ExpectedQuery, expected_view

MEASURED = {"alpha": 0.7, "cost": 0.25, "lookahead": 3}


def test_the_speedup_is_that_of_the_formulas_with_the_targets_own_step_counted() -> None:
    for schedule in Schedule:
        found = expected_view(ExpectedQuery(alpha=0.7, cost=0.25, lookahead=3, schedule=schedule))
        assert found.speedup == found.steps == lookahead(Layer(0.7, 0.25), 4, schedule)


def test_speculation_inside_the_steps_multiplies_and_is_told() -> None:
    found = expected_view(ExpectedQuery(alpha=0.7, cost=0.25, lookahead=3, tokens_per_pass=1.8))
    assert found.speedup == pytest.approx(1.8 * lookahead(Layer(0.7, 0.25), 4))
    assert "1.80 tokens a pass" in found.how


def test_the_route_answers_and_refuses_what_no_run_can_have_measured(site: str) -> None:
    told = httpx.get(f"{site}/theory/expected", params=MEASURED).json()
    assert told["speedup"] == pytest.approx(lookahead(Layer(0.7, 0.25), 4))
    assert "α₁ = 0.70" in told["how"]
    for wrong in ({"alpha": 1.2}, {"cost": 0}, {"lookahead": 0}, {"tokens_per_pass": 0.5}, {"cost": "nan"}):
        assert httpx.get(f"{site}/theory/expected", params={**MEASURED, **wrong}).status_code == 422
