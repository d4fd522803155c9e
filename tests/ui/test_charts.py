"""Timeline and charts in Chromium: what they are computed from, how they are linked, zoomed and saved."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from lr_demo.config import DraftedSpeculation, Mode, RunSettings, Schedule, SimulatedSpeculation
from lr_demo.events import Event, Role, StepCancelled, StepFinished, StepStarted
from lr_demo.models.story import SeededStory
from lr_demo.run_state import StepKey, StepPhase, fold
from lr_demo.runs.summary import summarize
from tests.decoding.scene import Scene
from tests.ui.recorded import LOOKAHEAD, STORY, record, record_race
from tests.ui.scripts import folded
from tests.ui.test_live_page import RIGHT, settled, visit
from tests.ui.test_stage import scrub

pytestmark = pytest.mark.browser

SETTINGS = {
    "async": LOOKAHEAD,
    "wide": LOOKAHEAD.model_copy(update={"width": 2, "lookahead": 4}),
    "sync": LOOKAHEAD.model_copy(update={"schedule": Schedule.SYNC}),
    "plain": LOOKAHEAD.model_copy(update={"mode": Mode.AUTOREGRESSIVE}),
}
UNEVEN = SeededStory(steps=14, tokens_per_step=12, spread=0.5)


def recorded(traces: Path, name: str, settings: RunSettings) -> list[Event]:
    return record(traces, f"chart{name}", story=UNEVEN, settings=settings)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_critical_path_accounts_for_every_moment_once(page: Page, site: str, traces: Path, name: str) -> None:
    events = recorded(traces, name, SETTINGS[name])
    found = folded(
        page,
        site,
        events,
        """({ path, state }) => ({
          links: path.between(0, state.t).map(({ kind, start, end }) => [kind, start, end]),
          spent: path.spent(state.t, true),
        })""",
    )
    links = found["links"]
    assert links[0][2] == pytest.approx(fold(events).answer[-1].t)
    assert links[-1][1] == 0
    for (_, start, _), (_, _, before) in pairwise(links):
        assert start == pytest.approx(before)
    assert sum(found["spent"].values()) == pytest.approx(events[-1].t)
    assert found["spent"]["wait"] < 0.05 * events[-1].t
    if name == "plain":
        assert found["spent"]["target"] == pytest.approx(events[-1].t, rel=0.01)


def test_in_the_synchronous_schedule_the_path_goes_through_all_drafting(page: Page, site: str, traces: Path) -> None:
    events = recorded(traces, "sync", SETTINGS["sync"])
    spent = folded(page, site, events, "({ path, state }) => path.spent(state.t, true)")
    drafting = sum(event.t for event in events if isinstance(event, StepFinished) and event.role is Role.DRAFT) - sum(
        event.t for event in events if isinstance(event, StepStarted) and event.role is Role.DRAFT
    )
    assert spent["draft"] == pytest.approx(drafting, rel=0.05)


def in_flight(events: list[Event], t: float) -> int:
    """Target steps that were being written at a time."""
    writing: set[int] = set()
    for event in events:
        if event.t > t:
            break
        if isinstance(event, StepStarted | StepFinished | StepCancelled) and event.role is Role.TARGET:
            (writing.add if isinstance(event, StepStarted) else writing.discard)(event.position)
    return len(writing)


def test_the_batch_curve_counts_the_sequences_in_flight(page: Page, site: str, traces: Path) -> None:
    events = recorded(traces, "wide", SETTINGS["wide"])
    curve = folded(
        page,
        site,
        events,
        "async ({ spans, state }, load) => (await load('batch')).batchCurve(spans, 0, state.t, state.t)",
    )
    assert not curve["mean"]
    assert max(curve["y"]) > 1
    for x, after, y in zip(curve["x"], curve["x"][1:], curve["y"], strict=False):
        assert in_flight(events, (x + after) / 2) == y


def test_a_long_batch_curve_is_one_of_means_with_the_same_area(page: Page, site: str, traces: Path) -> None:
    story = SeededStory(steps=260, tokens_per_step=6, spread=0.5)
    events = record(traces, "batch1", story=story)
    mean, exact = folded(
        page,
        site,
        events,
        """async ({ spans, state }, load) => {
          const { x, y, mean } = (await load('batch')).batchCurve(spans, 0, state.t, state.t);
          const width = x[1] - x[0];
          const area = y.reduce((sum, n) => sum + n * width, 0);
          const target = spans.all.filter(({ row }) => row.role === 'target');
          return [mean ? area : null, target.reduce((sum, { start, end }) => sum + end - start, 0)];
        }""",
    )
    assert mean == pytest.approx(exact, rel=1e-3)


def test_what_the_charts_count_is_what_the_summary_counts(page: Page, site: str, traces: Path) -> None:
    events = recorded(traces, "async", SETTINGS["async"])
    summary = summarize(fold(events))
    found = folded(
        page,
        site,
        events,
        """({ measures, state }) => ({
          wastedDraft: state.written.draft - measures.usedDraft,
          wastedTarget: state.written.target - measures.usedTarget,
          runs: measures.runLengths, mean: measures.acceptedRun,
          share: measures.acceptedShare.last, cost: measures.cost,
        })""",
    )
    assert found["wastedDraft"] == summary.wasted_draft_tokens
    assert found["wastedTarget"] == summary.wasted_target_tokens
    assert found["share"] == pytest.approx(summary.acceptance_rate)
    assert found["mean"] == pytest.approx(summary.mean_accepted_run)
    assert sum(n * cycles for n, cycles in enumerate(found["runs"])) == summary.accepted
    assert 0 < found["cost"] < 1


def chart(page: Page, key: str) -> Locator:
    return page.locator(f"[data-chart={key}]")


def drawn(page: Page, key: str) -> Locator:
    """The plot of a chart that is drawn with data."""
    plot = chart(page, key).locator(".plot:not(.bare) .plot-container")
    expect(plot).to_be_attached()
    expect(chart(page, key).get_by_role("button", name="as PNG")).to_be_enabled()
    return plot


def test_every_chart_of_a_complete_race_is_drawn_in_or_out_of_sight_or_says_why_not(
    page: Page, site: str, traces: Path
) -> None:
    record_race(traces, "all1", UNEVEN)
    visit(page, f"{site}/?race=all1")
    settled(page)
    for key in ("timeline", "tokens", "speedup", "time", "waste", "place", "acceptance", "lengths"):
        drawn(page, key)
        said = chart(page, key).locator(".plot").get_attribute("aria-label")
        assert said is not None
        assert "simulated" in said
        assert "on a test machine" in said
    for key in ("speculation", "passes"):
        expect(chart(page, key).locator(".none")).to_have_text("No token-level speculation in this run.")
    expect(page.locator(f"{RIGHT} .card .passes")).to_have_count(0)
    expect(chart(page, "speedup").locator(".annotation").filter(has_text="theory")).to_be_attached()
    expect(chart(page, "tree")).to_be_hidden()


def test_tokens_over_time_shows_every_lane_told_apart_by_more_than_colour(page: Page, site: str, traces: Path) -> None:
    plain, without = Mode.AUTOREGRESSIVE, Mode.SPECULATIVE
    for run, mode in (("lanes4b", plain), ("lanes4s", without), ("lanes4l", Mode.LOOKAHEAD)):
        record(traces, run, story=UNEVEN, settings=LOOKAHEAD.model_copy(update={"mode": mode}))
    both = LOOKAHEAD.model_copy(update={"mode": Mode.LOOKAHEAD_SPECULATIVE})
    turns = [[run] for run in ("lanes4b", "lanes4s", "lanes4l", "lanes4")]
    record(traces, "lanes4", story=UNEVEN, settings=both, baseline="lanes4b", said={"turns": turns})
    visit(page, f"{site}/?race=lanes4")
    settled(page)
    plot = drawn(page, "tokens")
    names = plot.locator(".legendtext")
    expect(names).to_have_text(["● AR", "▲ SD", "■ LR", "◆ LR+SD"])
    lanes = plot.locator("xpath=..").evaluate(
        """(plot) => plot.data.filter(({ mode }) => mode === "lines").map((line) => {
          const mark = plot.data[plot.data.indexOf(line) + 1];
          return [line.line.dash, line.line.color, mark.marker.symbol, line.y.at(-1), mark.y[0]];
        })"""
    )
    assert len(lanes) == 4
    for look in zip(*(lane[:3] for lane in lanes), strict=True):
        assert len(set(look)) == 4
    assert all(last == marked > 0 for *_, last, marked in lanes)
    said = chart(page, "tokens").locator(".plot").get_attribute("aria-label")
    assert said is not None
    assert re.findall(r"(\S+) \d+ tokens in", said) == ["AR", "SD", "LR", "LR+SD"]


def test_a_mode_without_drafts_says_so_and_written_ahead_is_shown(page: Page, site: str, traces: Path) -> None:
    ahead = Scene(story=STORY, speculation=DraftedSpeculation(method="drafted"))
    record(traces, "ahead2", settings=LOOKAHEAD.model_copy(update={"mode": Mode.SPECULATIVE}), scene=ahead)
    visit(page, f"{site}/?race=ahead2")
    settled(page)
    for key in ("place", "acceptance", "lengths"):
        expect(chart(page, key).locator(".none")).to_have_text("This mode drafts no steps.")
    expect(chart(page, "speedup").locator(".none")).to_have_text("There is no baseline to compare with.")
    expect(chart(page, "speculation").locator(".ytick").filter(has_text="ahead")).to_have_count(1)


def test_the_passes_inside_each_step_are_drawn_beneath_it_and_as_a_chart(page: Page, site: str, traces: Path) -> None:
    both = LOOKAHEAD.model_copy(update={"mode": Mode.LOOKAHEAD_SPECULATIVE})
    scene = Scene(story=UNEVEN, speculation=SimulatedSpeculation(tokens=4, acceptance=0.6))
    state = fold(record(traces, "passes1", settings=both, scene=scene))
    visit(page, f"{site}/?race=passes1")
    settled(page)
    told = []
    for step in state.answer:
        target = state.steps[StepKey(step.key.position, Role.TARGET)]
        if target.phase is not StepPhase.CANCELLED and sum(target.passes) == target.tokens:
            told.append((target.tokens, len(target.passes)))
    words = [f"target: {tokens} tokens in {n} pass{'es' * (n > 1)}" for tokens, n in told]
    strips = page.locator(f"{RIGHT} .card .passes")
    expect(strips.locator(".label")).to_have_text(words)
    assert [strip.locator("i").count() for strip in strips.all()] == [n for _, n in told]
    plot = drawn(page, "passes").locator("xpath=..")
    means = [tokens / n for tokens, n in told]
    assert plot.evaluate("(plot) => plot.data[0].y") == pytest.approx(means)
    assert max(means) > 1.5


def test_a_card_its_bars_and_its_points_are_lit_together(page: Page, site: str, traces: Path) -> None:
    record_race(traces, "linked1", UNEVEN)
    visit(page, f"{site}/?race=linked1")
    settled(page)
    drawn(page, "timeline")
    drawn(page, "tokens")
    card = page.locator(f"{RIGHT} .card").last
    card.hover()
    expect(card).to_have_class(re.compile("linked"))
    expect(chart(page, "timeline").locator(".marks .bar").first).to_be_visible()
    expect(chart(page, "tokens").locator(".marks .dot")).to_be_visible()
    box = chart(page, "tokens").locator(".plotbox")
    box.hover(position={"x": 90, "y": 90})
    expect(page.locator(f"{RIGHT} .card.linked")).to_have_count(1)
    expect(card).not_to_have_class(re.compile("linked"))
    expect(chart(page, "timeline").locator(".marks .bar").first).to_be_attached()


def test_the_timeline_is_walked_by_keyboard_and_leads_to_the_card_and_back(page: Page, site: str, traces: Path) -> None:
    record_race(traces, "keys1", UNEVEN)
    visit(page, f"{site}/?race=keys1")
    settled(page)
    drawn(page, "timeline")
    box = chart(page, "timeline").get_by_role("group")
    box.focus()
    page.keyboard.press("ArrowRight")
    expect(chart(page, "timeline").locator(".tip")).to_contain_text("step 1")
    expect(chart(page, "timeline").locator(".tip i")).to_contain_text("simulated")
    expect(chart(page, "timeline").locator(".marks .bar.chosen")).to_have_count(1)
    page.keyboard.press("Enter")
    card = page.locator(f"{RIGHT} .card[data-step='1']")
    expect(card).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"{RIGHT} .card[data-step='2']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(box).to_be_focused()
    expect(chart(page, "timeline").locator(".tip")).to_contain_text("step 2")


BARS = """(plot) => plot.layout.shapes
  .flatMap(({ path }) => [...path.matchAll(/M([\\d.]+),[-\\d.]+V[-\\d.]+H([\\d.]+)V[-\\d.]+Z/g)])
  .map(([_, start, end]) => [Number(start), Number(end)])"""


def test_the_timeline_has_a_bar_from_the_start_to_the_end_of_each_piece_of_work(
    page: Page, site: str, traces: Path
) -> None:
    events = record(traces, "bars1", story=UNEVEN)
    visit(page, f"{site}/?race=bars1")
    settled(page)
    drawn(page, "timeline")
    begun: dict[tuple[int, Role, int], float] = {}
    expected = []
    for event in events:
        if isinstance(event, StepStarted):
            begun[event.position, event.role, event.alternative] = event.t
        elif isinstance(event, (StepFinished, StepCancelled)):
            start = begun.pop((event.position, event.role, event.alternative), None)
            if start is not None:
                expected.append((start, event.t))
    bars = page.locator("[data-chart=timeline] .plot").evaluate(BARS)
    assert expected
    for start, end in expected:
        assert any(a == pytest.approx(start, abs=1e-4) and b == pytest.approx(end, abs=1e-4) for a, b in bars)


def test_nothing_of_a_later_moment_is_left_on_the_timeline_of_an_earlier_one(
    page: Page, site: str, traces: Path
) -> None:
    record_race(traces, "earlier1", UNEVEN)
    visit(page, f"{site}/?race=earlier1")
    settled(page)
    drawn(page, "timeline")
    standing = """(plot) => {
        const drawn = plot.querySelectorAll('.shapelayer > [data-index]').length;
        return [drawn, plot.layout.shapes.length, plot.layout.xaxis.range[1]];
    }"""
    plot = page.locator("[data-chart=timeline] .plot")
    whole = plot.evaluate(standing)
    assert whole[0] == whole[1]
    scrub(page, whole[2] / 20)
    page.wait_for_function(f"({SHOWN})()[1] < {whole[2] / 10}")
    early = plot.evaluate(standing)
    assert early[0] == early[1] < whole[1]


SHOWN = "() => document.querySelector('[data-chart=timeline] .plot').layout.xaxis.range.map(Number)"


@pytest.mark.realtime
def test_what_was_zoomed_to_stays_while_the_run_goes_on(page: Page, site: str, traces: Path) -> None:
    record_race(traces, "zoomed1", SeededStory(steps=9, tokens_per_step=100))  # seconds, to be seen
    visit(page, f"{site}/?race=zoomed1")
    settled(page)
    drawn(page, "timeline")
    page.get_by_role("button", name="replay").click()
    expect(page.locator(f"{RIGHT} .card").nth(2)).to_be_visible()
    drawn(page, "timeline")
    chart(page, "timeline").get_by_role("group").focus()
    page.keyboard.press("+")
    page.wait_for_function(f"({SHOWN})()[0] > 0")
    zoomed = page.evaluate(SHOWN)
    settled(page)
    assert page.evaluate(SHOWN) == pytest.approx(zoomed)
    chart(page, "timeline").get_by_role("button", name="show all").click()
    page.wait_for_function(f"({SHOWN})()[0] === 0")


@pytest.mark.parametrize("kind", ["SVG", "PNG"])
def test_a_saved_picture_holds_the_settings_and_says_what_it_shows(
    page: Page, site: str, traces: Path, kind: str
) -> None:
    record(traces, f"saved{kind.lower()}", story=UNEVEN, prompt="How many <b>seedlings</b> & pots?")
    visit(page, f"{site}/?race=saved{kind.lower()}")
    settled(page)
    drawn(page, "timeline")
    with page.expect_download() as saving:
        chart(page, "timeline").get_by_role("button", name=f"as {kind}").click()
    assert saving.value.suggested_filename == f"saved{kind.lower()}-timeline.{kind.lower()}"
    content = Path(saving.value.path()).read_bytes()
    if kind == "PNG":
        assert content.startswith(b"\x89PNG")
        return
    picture = content.decode()
    for piece in ("γ 3", "SIMULATED", "on a test machine", "seedlings"):
        assert piece in picture
