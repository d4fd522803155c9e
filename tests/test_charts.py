"""The figures of the theory show what the formulas say, mark what is published as published, and fit the page."""

import re
from collections.abc import Callable
from dataclasses import fields, replace

import plotly.graph_objects as go
import pytest

from lr_demo import published
from lr_demo.charts import (
    DARK,
    LIGHT,
    Palette,
    Setting,
    best_map,
    ceiling,
    published_by_acceptance,
    published_products,
    speedup_by_steps,
    speedup_by_tokens,
)
from lr_demo.config import Schedule
from lr_demo.theory import Layer, best, combined, lookahead, speculative
from lr_demo.ui.static_files import FOLDER

SETTING = Setting(Layer(0.55, 0.2), Layer(0.6, 0.05), steps_ahead=5, tokens_ahead=3, budget=16, schedule=Schedule.ASYNC)
SYNC = replace(SETTING, schedule=Schedule.SYNC)


def trace(figure: go.Figure, name: str) -> go.Figure:
    """The one trace whose name begins so."""
    (found,) = [each for each in figure.data if (each.name or "").startswith(name)]
    return found


@pytest.mark.parametrize("setting", [SETTING, SYNC], ids=["async", "sync"])
def test_each_curve_over_k1_is_its_formula(setting: Setting) -> None:
    figure = speedup_by_steps(replace(setting, budget=256))
    expected: dict[str, Callable[[int], float]] = {
        "SD": lambda k: speculative(setting.tokens, 3),
        "LR": lambda k: lookahead(setting.steps, k, setting.schedule),
        "LR+SD": lambda k: combined(setting.steps, setting.tokens, k, 3, setting.schedule),
    }
    for name, formula in expected.items():
        (curve,) = [each for each in figure.data if each.name == name]
        assert list(curve.y) == [pytest.approx(formula(k)) for k in curve.x]


def test_a_curve_is_solid_only_as_far_as_the_budget_goes() -> None:
    figure = speedup_by_steps(SYNC)
    (within,) = [each for each in figure.data if each.name == "LR+SD"]
    beyond = trace(figure, "LR+SD, over budget")
    fits = [k for k, speedup in zip(within.x, within.y, strict=True) if speedup is not None]
    assert fits == [k for k in within.x if 3 * k <= 16]
    assert next(k for k, speedup in zip(beyond.x, beyond.y, strict=True) if speedup is not None) == fits[-1]


def test_the_reader_s_own_choice_is_marked_on_both_curves() -> None:
    own = SETTING.speedup(5, 3)
    for figure, k in ((speedup_by_steps(SETTING), 5), (speedup_by_tokens(SETTING), 3)):
        mark = figure.data[-1]
        assert (list(mark.x), list(mark.y)) == ([k], [own])


def test_no_number_of_tokens_ahead_goes_through_the_ceiling_of_sd_alone() -> None:
    top = ceiling(SETTING.tokens)
    assert all(speculative(SETTING.tokens, k) <= top.speedup for k in range(1, 200))
    assert set(trace(speedup_by_tokens(SETTING), "ceiling").y) == {top.speedup}


@pytest.mark.parametrize("budget", [1, 4, 16, 64])
def test_the_map_marks_the_optimum_and_leaves_out_what_the_budget_forbids(budget: int) -> None:
    setting = replace(SYNC, budget=budget)
    cells, star, own = best_map(setting).data
    optimum = best(setting.steps, setting.tokens, budget, Schedule.SYNC)
    assert (list(star.x), list(star.y)) == ([optimum.steps], [optimum.tokens])
    assert (list(own.x), list(own.y)) == ([5], [3])
    for k2, row in zip(cells.y, cells.z, strict=True):
        for k1, speedup in zip(cells.x, row, strict=True):
            assert (speedup is not None) == (k1 * k2 <= budget)
    assert max(cell for row in cells.z for cell in row if cell is not None) == optimum.speedup


def test_a_map_holds_the_largest_choice_there_is() -> None:
    cells = best_map(replace(SETTING, steps_ahead=64, tokens_ahead=64)).data[0]
    assert (len(cells.x), len(cells.y)) == (64, 64)


def test_published_points_are_the_table_s_and_say_where_they_are_from() -> None:
    by_acceptance, products = published_by_acceptance(SETTING), published_products()
    for figure in (by_acceptance, products):
        points = [each for each in figure.data if each.mode == "markers"]
        assert sum(len(each.x) for each in points) == len(published.SPEEDUPS) == 14
        for each in points:
            assert each.name.endswith("published")
            assert published.SOURCE in each.hovertemplate
    gsm8k = next(row for row in published.SPEEDUPS if row.benchmark == "GSM8K")
    points = trace(by_acceptance, "R1-Distill")
    assert (gsm8k.acceptance, gsm8k.lookahead) in zip(points.x, points.y, strict=True)


def test_the_published_gains_multiply_as_far_as_the_paper_says() -> None:
    shares = [row.combined / (row.lookahead * row.speculative) for row in published.SPEEDUPS]
    assert min(shares) == pytest.approx(0.875, abs=0.005)
    assert max(shares) == pytest.approx(0.99, abs=0.005)


@pytest.mark.parametrize("setting", [SETTING, replace(SETTING, steps=Layer(1, 1.5), tokens=Layer(0, 1), budget=1)])
def test_nothing_but_the_colours_depends_on_the_palette(setting: Setting) -> None:
    for figure in (speedup_by_steps, speedup_by_tokens, best_map, published_by_acceptance):
        light, dark = figure(setting, LIGHT).to_json(), figure(setting, DARK).to_json()
        assert light != dark
        for each in fields(Palette):
            light = light.replace(f'"{getattr(LIGHT, each.name)}"', f'"{each.name}"')
            dark = dark.replace(f'"{getattr(DARK, each.name)}"', f'"{each.name}"')
        assert light == dark


def test_the_palettes_are_those_of_the_page() -> None:
    light, dark = (FOLDER / "css" / "tokens.css").read_text().split(".dark {")
    for each in fields(Palette):
        of_light = re.search(rf"--ll-{each.name}: (#\w+)", light)
        assert of_light is not None
        of_dark = re.search(rf"--ll-{each.name}: (#\w+)", dark) or of_light
        assert (getattr(LIGHT, each.name), getattr(DARK, each.name)) == (of_light[1], of_dark[1])
