"""The Learn page in Chromium: a recorded run stage by stage, predictions, and the theory's sliders."""

import json
import re
from pathlib import Path
from typing import cast

import pytest
from playwright.sync_api import Page, Route, expect

from lr_demo.config import Profile, Schedule
from lr_demo.run_state import fold
from lr_demo.runs.summary import summarize
from lr_demo.theory import Layer, lookahead
from lr_demo.ui.lessons import Lessons
from lr_demo.ui.stages import StageKind
from tests.ui.site import serving
from tests.ui.test_live_page import LoadingManager

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

LESSON = "two-cycles"
STAGES = Lessons().stages(LESSON)
PREDICTIONS = [i for i, stage in enumerate(STAGES) if stage.kind is StageKind.PREDICTION]
CALLOUT = ".ll-learn .callout"
HOSTILE = "<img src=x onerror='window.broken = 1'>${alert(1)}"


def visit(page: Page, site: str, *, lesson: str = LESSON, stage: int = 0, more: str = "") -> None:
    """Open the page at a stage, counted from 0."""
    page.goto(f"{site}/learn?lesson={lesson}&stage={stage + 1}{more}")
    expect(page.locator(CALLOUT)).to_be_visible()


def expect_stage(page: Page, stage: int) -> None:
    expect(page.locator(".place")).to_contain_text(f"stage {stage + 1} of {len(STAGES)}")
    expect(page.locator(CALLOUT)).to_contain_text(STAGES[stage].text)


def cards(page: Page) -> list[list[str]]:
    """Step, kind, verdict and size of every card."""
    script = """(cards) => cards.map((card) => [
      card.dataset.step, card.dataset.kind,
      ...[".badge", ".meta", ".note"].map((part) => card.querySelector(part).innerText),
    ])"""
    return cast(list[list[str]], page.locator(".ll-learn .card").evaluate_all(script))


def curve(page: Page, figure: str, name: str) -> list[float]:
    """What a figure shows under a name; none before it is drawn."""
    script = """([title, name]) => {
      const plot = document.querySelector(`.ll-learn .plot[aria-label="${title}"]`);
      const trace = (plot?.data ?? []).find((each) => each.name === name);
      return trace ? [...trace.y] : [];
    }"""
    return cast(list[float], page.evaluate(script, [figure, name]))


def expect_curve(page: Page, figure: str, name: str, first: list[float]) -> None:
    page.wait_for_function(
        """([title, name, first]) => {
          const plot = document.querySelector(`.ll-learn .plot[aria-label="${title}"]`);
          const trace = (plot?.data ?? []).find((each) => each.name === name);
          return trace && first.every((value, i) => Math.abs(trace.y[i] - value) < 1e-6);
        }""",
        arg=[figure, name, first],
    )


def test_the_masthead_leads_to_the_first_lesson(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_role("link", name="Learn").click()
    expect(page.locator(CALLOUT)).to_contain_text("A problem for target")
    expect(page.locator(".ll-learn .origin")).to_contain_text("recorded on November 22, 2026 · AMD EPYC, 2 cores")
    expect(page.locator(".ll-learn .simulation")).to_be_hidden()
    expect(page.get_by_role("link", name="Learn")).to_have_attribute("aria-current", "page")


def test_buttons_and_arrow_keys_step_forward_and_back(page: Page, site: str) -> None:
    visit(page, site)
    page.get_by_role("button", name="next").click()
    expect_stage(page, 1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect_stage(page, 3)
    page.keyboard.press("ArrowLeft")
    expect_stage(page, 2)
    page.get_by_role("button", name="back").click()
    expect_stage(page, 1)
    page.get_by_role("button", name="cycle »").click()
    expect_stage(page, next(i for i, stage in enumerate(STAGES) if stage.cycle == 1))
    page.reload()
    expect_stage(page, next(i for i, stage in enumerate(STAGES) if stage.cycle == 1))


def test_going_back_shows_what_going_forward_showed(page: Page, site: str) -> None:
    visit(page, site)
    seen = []
    for stage in range(len(STAGES)):
        expect_stage(page, stage)
        seen.append(cards(page))
        page.keyboard.press("ArrowRight")
    for stage in reversed(range(len(STAGES) - 1)):
        page.keyboard.press("ArrowLeft")
        expect_stage(page, stage)
        assert cards(page) == seen[stage]


def test_a_prediction_is_held_against_the_verdict_that_it_reveals(page: Page, site: str) -> None:
    first, second = PREDICTIONS[:2]
    visit(page, site, stage=first)
    card = page.locator(f".ll-learn .card[data-step='{cast(int, STAGES[first].step) + 1}']")
    expect(card).to_have_attribute("data-kind", "judging")
    expect(card.locator(".badge")).to_be_hidden()
    page.get_by_role("button", name="rejected" if STAGES[first].accepted is False else "accepted").click()
    expect_stage(page, first + 1)
    expect(page.locator(".judged")).to_contain_text("Right")
    expect(card.locator(".badge")).to_contain_text("judge")
    expect(page.locator(".score")).to_have_text("1 of 1 predicted right")
    for _ in range(second - first - 1):
        page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="rejected" if STAGES[second].accepted else "accepted").click()
    expect(page.locator(".judged")).to_contain_text("Wrong")
    expect(page.locator(".score")).to_have_text("1 of 2 predicted right")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="accepted" if STAGES[second].accepted else "rejected").click()
    expect(page.locator(".score")).to_have_text("1 of 2 predicted right")


def test_what_is_said_stands_beside_the_card_it_is_about(page: Page, site: str) -> None:
    stage = PREDICTIONS[1]
    page.emulate_media(reduced_motion="reduce")  # nothing moves while it is measured
    visit(page, site, stage=stage)
    card = page.locator(".ll-learn .card.pointed")
    expect(card).to_have_attribute("data-step", str(cast(int, STAGES[stage].step) + 1))
    beside, said = card.bounding_box(), page.locator(CALLOUT).bounding_box()
    assert beside is not None
    assert said is not None
    assert said["x"] >= beside["x"] + beside["width"]
    assert abs(said["y"] - beside["y"]) < 20


def test_a_lesson_is_chosen_and_compared_with_the_target_alone(page: Page, site: str) -> None:
    visit(page, site)
    page.get_by_role("button", name="Verifier drift").click()
    expect(page.locator(".player .problem")).to_contain_text("flipping a house")
    expect(page.get_by_role("button", name="Verifier drift")).to_have_attribute("aria-pressed", "true")
    last = len(Lessons().stages("drift"))
    visit(page, site, lesson="drift", stage=last - 1)
    expect(page.locator(CALLOUT)).to_contain_text(re.compile(r"The target alone: .* this run has 0\.8\d× its speed"))


def test_a_guess_of_the_speedup_is_held_against_the_recorded_one_and_the_formula(page: Page, site: str) -> None:
    runs = Lessons().events(LESSON), Lessons().alone(LESSON) or []
    run, alone = (summarize(fold(events)).tokens_per_s or 0 for events in runs)
    visit(page, site, stage=len(STAGES) - 2)
    asked = page.locator(CALLOUT)
    expect(asked).to_contain_text("How fast did it come, against the target alone?")
    expect(asked).not_to_contain_text("tokens/s")
    slider = page.get_by_label("times the speed of the target alone")
    expect(slider).to_have_attribute("aria-valuetext", "1.00×, as fast as the target alone")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    expect(asked.locator("output")).to_have_text("0.50×, slower than the target alone")
    asked.get_by_role("button", name="my guess").click()
    expect_stage(page, len(STAGES) - 1)
    expect(page.locator(".judged")).to_contain_text(f"you said 0.50×, it was {run / alone:.2f}×")
    expect(page.locator(CALLOUT)).to_contain_text("recorded on November")
    expect(page.locator(".computed")).to_contain_text(
        re.compile(r"Computed, not measured: the formula expects [\d.]+×")
    )
    page.keyboard.press("ArrowLeft")
    asked.get_by_role("button", name="my guess").click()
    expect(page.locator(".judged")).to_contain_text("you said 0.50×")


def test_a_simulated_run_says_so_and_its_text_stays_text(page: Page, site: str) -> None:
    def altered(route: Route) -> None:
        answer = route.fetch()
        content = answer.json()
        content["lesson"].update(simulated=True, prompt=HOSTILE)
        content["lesson"]["stages"][0]["text"] = HOSTILE
        route.fulfill(response=answer, body=json.dumps(content))

    page.route(f"**/learn/lessons/{LESSON}", altered)
    visit(page, site)
    expect(page.locator(".ll-learn .simulation")).to_contain_text("SIMULATED")
    expect(page.locator(".ll-learn .origin")).to_contain_text("SIMULATED")
    expect(page.locator(".player .problem")).to_have_text(HOSTILE)
    expect(page.locator(CALLOUT)).to_contain_text(HOSTILE)
    assert page.evaluate("window.broken") is None


def test_sliders_move_the_curves_and_not_the_tour(page: Page, site: str) -> None:
    visit(page, site, stage=2)
    by_steps = "Looking further ahead in steps"
    steps = Layer(0.55, 0.2)
    expect_curve(page, by_steps, "LR", [lookahead(steps, k) for k in (1, 2, 3)])
    slider = page.get_by_label("α₁, drafted steps accepted")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".slider").first.locator("output")).to_have_text("0.60")
    expect_curve(page, by_steps, "LR", [lookahead(Layer(0.6, 0.2), k) for k in (1, 2, 3)])
    page.get_by_label("synchronous", exact=True).check()
    expect_curve(page, by_steps, "LR", [lookahead(Layer(0.6, 0.2), k, Schedule.SYNC) for k in (1, 2, 3)])
    expect_stage(page, 2)


def test_own_speeds_set_c1_and_the_table(page: Page, site: str) -> None:
    visit(page, site)
    row = page.locator(".whatif tbody tr").first
    expect(row).to_contain_text("76.4")
    page.get_by_label("target alone, tokens/s").fill("50")
    page.get_by_label("draft, ms per token").fill("10")
    expect(page.locator(".slider").nth(1).locator("output")).to_have_text("0.50")
    expect(row.locator("td").nth(1)).to_have_text("50.0")
    expect(row.locator("td").nth(2)).to_have_text("80.0 s")


def test_published_points_are_labelled(page: Page, site: str) -> None:
    visit(page, site)
    expect(page.locator(".ll-learn .source").first).to_contain_text("Published: arXiv 2506.19830, Table 1")
    figure, name = "Published: LR and its acceptance", "R1-Distill 1.5B → 32B, published"
    expect_curve(page, figure, name, [1.36, 1.48, 1.71])
    assert len(curve(page, figure, name)) == 7


def test_dark_mode_colours_cards_and_figures(page: Page, site: str) -> None:
    visit(page, site, stage=PREDICTIONS[0], more="&__theme=dark")
    axis = page.locator(".figure .xtick text").first
    expect(axis).to_have_css("fill", "rgb(154, 167, 182)")
    expect(page.locator(".ll-learn .card").first).to_have_css("background-color", "rgb(23, 30, 39)")
    page.evaluate("document.body.classList.remove('dark')")
    expect(axis).to_have_css("fill", "rgb(91, 102, 117)")


@pytest.mark.parametrize("width", [1440, 900, 400])
def test_nothing_is_wider_than_the_page(page: Page, site: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    visit(page, site, stage=PREDICTIONS[0])
    expect(page.locator(".figure .xtick text").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_works_while_models_load(page: Page, profile: Profile, traces: Path) -> None:
    with LoadingManager(profile, traces, hardware="a test machine") as manager, serving(manager) as site:
        visit(page, site, stage=1)
        expect_stage(page, 1)
        expect_curve(page, "Looking further ahead in steps", "LR", [1.0])
        expect(page.locator(".fleet")).to_be_hidden()


@pytest.mark.parametrize("asked", ["lesson=nothing&stage=x", "lesson=two-cycles&stage=99999"])
def test_an_address_that_leads_nowhere_still_shows_a_lesson(page: Page, site: str, asked: str) -> None:
    page.goto(f"{site}/learn?{asked}")
    expect(page.locator(CALLOUT)).to_be_visible()
