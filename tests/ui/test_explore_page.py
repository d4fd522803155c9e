"""The Explore page in Chromium: runs found, compared, shared, swept, imported; by mouse, by keyboard, by link."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from lr_demo.config import Profile
from lr_demo.models.story import ScriptedStory
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunPhase
from tests.runs.simulated_profile import quick_profile, slow_profile
from tests.ui.recorded import LOOKAHEAD, PROMPT, record, record_race
from tests.ui.site import serving

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

TARGET = ["Six beds.\n\n", "So 84 plants.\n\n", "75 are left.\n\n", "The end."]
DRAFT = ["Six  beds.\n\n", "That makes 84.\n\n", "74 are left.\n\n", "The end."]
HOSTILE = "<img src=x onerror='window.broken = 1'> ${alert(1)} {{x}} \u202e back"


@pytest.fixture(scope="module")
def profile() -> Profile:
    return quick_profile()


@pytest.fixture(scope="module", autouse=True)
def _recorded(traces: Path) -> None:
    record_race(traces, "race1", ScriptedStory(TARGET, DRAFT))
    other = [*TARGET[:2], "76 are left.\n\n", "The end."]
    changed = LOOKAHEAD.model_copy(update={"lookahead": 5, "seed": 7})
    record(traces, "deep1", story=ScriptedStory(other, other), settings=changed)
    long = ScriptedStory([*(f"Step {n}.\n\n" for n in range(60)), "End."], ["Other.\n\n"])
    record(traces, "long1", story=long, prompt="A ferry takes 22 cars")
    for number in range(30):
        path = traces / f"many{number}.jsonl"
        path.write_text((traces / "long1.jsonl").read_text().replace("long1", path.stem))


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A trace that somebody else made."""
    story = ScriptedStory([f"{HOSTILE}\n\n", "End."], [f"{HOSTILE}\n\n", "End."])
    record(tmp_path, "theirs1", prompt=HOSTILE, simulated=False, story=story, models={"target": HOSTILE})
    return tmp_path / "theirs1.jsonl"


def visit(page: Page, site: str, query: str = "") -> None:
    page.goto(f"{site}/explore{query}")
    expect(page.locator(".ll-explore .views")).to_be_visible()


def line(page: Page, run: str) -> Locator:
    return page.locator(f".runs tr[data-run={run}]")


def search(page: Page, words: str) -> None:
    page.get_by_label("Search").fill(words)


def test_the_masthead_leads_to_the_runs_the_newest_first(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_role("link", name="Explore").click()
    expect(page.locator(".runs tbody tr")).to_have_count(25)
    expect(page.get_by_role("navigation", name="Pages of the history")).to_contain_text("1 to 25 of 34 runs")
    page.get_by_role("button", name="older").click()
    expect(page.locator(".runs tbody tr")).to_have_count(9)
    expect(page.get_by_role("button", name="older")).to_be_disabled()
    page.get_by_role("button", name="newer").click()
    expect(page.get_by_role("navigation", name="Pages of the history")).to_contain_text("1 to 25")


def test_runs_are_found_by_words_and_filters(page: Page, site: str) -> None:
    visit(page, site)
    search(page, "SEEDLINGS left")
    expect(page.locator(".runs tbody tr")).to_have_count(3)
    expect(page.get_by_role("navigation", name="Pages of the history")).to_contain_text("of 3 runs that fit, of 34")
    page.locator(".filters").get_by_label("Mode").select_option("autoregressive")
    expect(page.locator(".runs tbody tr")).to_have_count(1)
    expect(line(page, "race1b")).to_contain_text("simulated")
    page.get_by_label("Where its figures come from").select_option("measured")
    expect(page.locator(".empty")).to_contain_text("No run fits")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".runs tbody tr")).to_have_count(25)


def test_a_line_says_what_a_run_was_and_leads_to_it(page: Page, site: str, manager: RunManager) -> None:
    visit(page, site)
    search(page, "seedlings")
    summary = manager.race("race1").summary()
    shown = line(page, "race1")
    expect(shown).to_contain_text(f"{summary.speedup:.2f}×")
    expect(shown).to_contain_text(f"{summary.acceptance_rate:.0%}".replace("%", " %"))
    expect(shown.locator(".num").first).to_have_attribute("title", re.compile("simulated, from the trace of run race1"))
    shown.get_by_role("link", name=PROMPT).click()
    expect(page.locator(".title .problem")).to_have_text(PROMPT)
    expect(page.locator(".lane:nth-child(2) .card").first).to_be_visible()


def test_runs_are_chosen_and_compared_side_by_side(page: Page, site: str) -> None:
    visit(page, site)
    search(page, "seedlings")
    compare = page.get_by_role("button", name="Compare", exact=False).first
    expect(page.locator(".bar button.strong")).to_be_disabled()
    for run in ("race1b", "race1", "deep1"):
        line(page, run).get_by_role("checkbox").check()
    expect(compare).to_have_text("Compare 3")
    compare.click()
    expect(page).to_have_url(re.compile(r"\?compare=race1b,race1,deep1$"))
    expect(page.locator(".compared").first.locator("thead th")).to_have_count(3)
    differing = page.locator(".compared tr.differs")
    expect(differing.filter(has_text="γ")).to_contain_text("≠ differs")
    expect(differing.filter(has_text="seed")).to_contain_text("7")
    expect(page.locator(".compared tr.same").first).to_be_hidden()
    page.get_by_label("also what is the same").check()
    expect(page.locator(".compared tr.same").filter(has_text="prompt")).to_contain_text(PROMPT)
    steps = page.locator(".aligned .line")
    expect(steps.nth(1).locator(".relation")).to_have_text(["= equal", "= equal"])
    expect(steps.nth(2).locator(".relation")).to_have_text(["≈ same meaning", "= equal"])
    expect(steps.nth(2)).to_contain_text("said the judge verifier 1.00")
    expect(steps.nth(3).locator(".relation")).to_have_text(["= equal", "≠ different"])
    expect(steps.nth(3).locator("mark")).to_have_text("76")
    page.go_back()
    expect(line(page, "race1")).to_be_visible()
    expect(line(page, "race1").get_by_role("checkbox")).to_be_checked()


def test_where_a_run_has_no_such_step_its_column_says_so(page: Page, site: str) -> None:
    visit(page, site, "?compare=long1,race1")
    missing = page.locator(".aligned .line").nth(10).locator(".cell").nth(1)
    expect(missing).to_have_text("– no step –")
    beside = missing.locator("xpath=preceding-sibling::div[1]").bounding_box()
    box = missing.bounding_box()
    assert beside is not None
    assert box is not None
    assert box["x"] >= beside["x"] + beside["width"]


def test_more_than_six_runs_cannot_be_chosen(page: Page, site: str) -> None:
    visit(page, site)
    boxes = page.locator(".runs input[type=checkbox]")
    expect(boxes).to_have_count(25)
    for number in range(6):
        boxes.nth(number).check()
    expect(boxes.nth(6)).to_be_disabled()
    page.get_by_role("button", name="Choose none").click()
    expect(boxes.nth(6)).to_be_enabled()
    expect(page.locator(".runs input:checked")).to_have_count(0)


def test_a_long_comparison_is_built_in_parts(page: Page, site: str) -> None:
    visit(page, site, "?compare=long1,many1")
    expect(page.locator(".aligned .line")).to_have_count(41)
    page.get_by_role("button", name="Show 21 more of 21 steps").click()
    expect(page.locator(".aligned .line")).to_have_count(62)
    expect(page.get_by_role("button", name="more of")).to_have_count(0)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?compare=race1", "1 runs were chosen"),
        ("?compare=race1,gone1", "there is no trace"),
        ("?compare=%3Cimg%3E,race1", "is no run id"),
        ("?sweep=gone1", "a sweep that this server does not know"),
        ("?sweep=new&from=gone1", "there is no trace"),
    ],
)
def test_a_link_that_leads_nowhere_says_so(page: Page, site: str, query: str, said: str) -> None:
    visit(page, site, query)
    expect(page.locator(".ll-explore .notice:visible")).to_contain_text(said)


def test_links_of_a_run_are_copied_and_lead_where_they_say(page: Page, site: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(page, site)
    search(page, "seedlings")
    line(page, "deep1").get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Copy: This run, to be watched").click()
    expect(page.get_by_role("button", name="Copy: This run, to be watched")).to_have_text("Copied ✓")
    assert page.evaluate("navigator.clipboard.readText()") == f"{site}/?race=deep1"
    page.get_by_role("button", name="Copy: Its problem and settings").click()
    link = page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.goto(link)
    expect(page.get_by_text("Nothing was started: press Run")).to_be_visible()
    expect(page.locator("#ll-prompt textarea")).to_have_value(PROMPT)
    expect(page.get_by_label("number input for Lookahead γ")).to_have_value("5")
    expect(page.locator(".title .problem")).to_have_text("No race yet")
    page.click("#ll-run")
    expect(page).to_have_url(re.compile(r"/\?race=[a-z0-9]{12}$"))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("settings=%7B%22mode%22", "cannot be read: it was cut or changed"),
        ("settings=%7B%22lookahead%22%3A99%7D", "lookahead = 99"),
        ("settings=%7B%22mode%22%3A%22speculative%22%7D", "it lacks a target server"),
    ],
)
def test_a_link_with_bad_settings_says_what_is_wrong(page: Page, site: str, query: str, said: str) -> None:
    page.goto(f"{site}/?{query}")
    expect(page.locator(".ll-problem")).to_contain_text("this link cannot be followed here" if "lack" in said else said)
    expect(page.locator(".ll-problem")).to_contain_text(said)


def test_a_trace_is_imported_shown_and_never_trusted(page: Page, site: str, theirs: Path) -> None:
    visit(page, site)
    expect(page.locator(".runs tbody tr").first).to_be_visible()
    page.set_input_files("#ll-import", theirs)
    expect(page.locator(".ll-explore .notice:visible")).to_contain_text("Imported as theirs1")
    search(page, "onerror")
    shown = line(page, "theirs1")
    expect(shown.locator(".prompt")).to_have_text(HOSTILE)
    expect(shown).to_contain_text("recorded elsewhere")
    expect(shown).to_contain_text("imported")
    page.set_input_files("#ll-import", theirs)
    expect(page.locator(".ll-explore .notice:visible")).to_contain_text("is here already")
    visit(page, site, "?compare=theirs1,race1")
    expect(page.locator(".aligned .cell").first).to_contain_text("<img src=x onerror=")
    page.get_by_label("also what is the same").check()
    page.goto(f"{site}/?race=theirs1")
    expect(page.locator(".title .chips")).to_contain_text("imported: recorded 2026-11-21 on a test machine")
    assert page.evaluate("window.broken") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("dear all\n", "letter.jsonl was not imported: line 1: it is not JSON"),
        ("", "this file is empty"),
    ],
)
def test_a_file_that_is_no_trace_is_refused_and_explained(
    page: Page, site: str, tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "letter.jsonl").write_text(content)
    visit(page, site)
    page.set_input_files("#ll-import", tmp_path / "letter.jsonl")
    expect(page.locator(".ll-explore .notice:visible")).to_contain_text(said)
    expect(page.get_by_role("link", name="Open it")).to_be_hidden()


def test_a_sweep_is_run_survives_a_reload_and_draws_its_curves(page: Page, site: str) -> None:
    visit(page, site, "?sweep=new&from=race1")
    expect(page.get_by_label("Problem")).to_have_value(PROMPT)
    page.get_by_label("Setting", exact=True).select_option("seed")
    page.get_by_label("Values, with commas between them").fill("1, x")
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.locator(".ll-explore .notice:visible")).to_contain_text("“x” is no number")
    page.get_by_label("Values, with commas between them").fill("1, 2, 3")
    page.get_by_label("Most tokens").fill("300")
    page.get_by_role("button", name="Start the sweep").click()
    expect(page).to_have_url(re.compile(r"\?sweep=[a-z0-9]{12}$"))
    page.reload()
    expect(page.locator(".state")).to_have_text("Finished: 3 runs.")
    expect(page.locator("table.points tbody tr")).to_have_count(3)
    expect(page.locator("table.points")).not_to_contain_text("waiting")
    expect(page.locator(".curves .xtick text").first).to_have_text("1")
    page.wait_for_function(
        "() => document.querySelector('.curves .plot').data?.map(({ name, y }) => [name, y.length]).join() === "
        "'Tokens per second,3,AR,3'"
    )
    expect(page.locator(".headbar .chip[data-look=simulated]")).to_be_visible()
    page.get_by_role("button", name="Compare its runs").click()
    expect(page.locator(".compared").first.locator("thead th")).to_have_count(3)
    visit(page, site, "?sweep=new")
    expect(page.locator(".list li").first).to_contain_text("LR, seed 1, 2, 3")


def test_runs_are_repeated_and_their_spread_is_shown(page: Page, site: str) -> None:
    visit(page, site, "?sweep=new&from=race1")
    expect(page.get_by_label("Problem")).to_have_value(PROMPT)
    repeats = page.get_by_label("Runs for each value")
    page.get_by_label("Setting", exact=True).select_option("seed")
    expect(repeats).to_be_hidden()
    page.get_by_label("Setting", exact=True).select_option("temperature")
    page.get_by_label("Values, with commas between them").fill("0.3, 0.6")
    page.get_by_label("Most tokens").fill("200")
    repeats.fill("2")
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.locator(".state")).to_have_text("Finished: 4 runs.")
    expect(page.locator(".headbar .chips")).to_contain_text("2 runs for each value, seeds 0, 1")
    rows = page.locator("table.points tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("✓ finished, 2 runs")
    expect(rows.first.locator(".apart").first).to_have_text(re.compile(r"^[\d.,]+ to [\d.,]+$"))
    expect(rows.first.locator("td").nth(1)).to_have_attribute("title", re.compile("^simulated, mean of 2 runs"))
    expect(rows.first.get_by_role("link", name="with seed 1")).to_be_visible()
    page.wait_for_function(
        """() => {
          const [ours] = document.querySelector(".curves .plot").data ?? [];
          return ours?.error_y.visible && ours.error_y.array.length === 2;
        }"""
    )
    visit(page, site, "?sweep=new")
    expect(page.locator(".list li").first).to_contain_text("2 runs each")


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[RunManager]:
    with RunManager(slow_profile(), tmp_path / "traces", hardware="a test machine") as manager:
        yield manager


def test_a_sweep_cannot_be_started_before_its_form_is_filled(page: Page, site: str) -> None:
    held: list[Route] = []
    page.route("**/explore/sweep-form*", lambda route: held.append(route))
    with page.expect_request("**/explore/sweep-form*"):
        visit(page, site, "?sweep=new")
    start = page.get_by_role("button", name="Start the sweep")
    expect(start).to_be_disabled()
    held[0].continue_()
    expect(start).to_be_enabled()


def test_a_sweep_is_stopped_and_what_is_left_is_not_run(page: Page, slow: RunManager) -> None:
    with serving(slow) as site:
        visit(page, site, "?sweep=new")
        page.get_by_role("button", name="Start the sweep").click()
        expect(page.locator(".state")).to_contain_text("0 of 5 runs done; lookahead γ 1 is")
        page.get_by_role("button", name="Stop the sweep").click()
        expect(page.locator(".state")).to_have_text("Ended after 1 of 5 runs: stopped.")
        expect(page.locator("table.points tr[data-phase='left out']")).to_have_count(4)
        expect(page.get_by_role("button", name="Stop the sweep")).to_be_hidden()
        assert len(slow.races()) == 1
        assert slow.races()[0].run.phase is not RunPhase.RUNNING


def test_it_can_be_used_with_the_keyboard_alone(page: Page, site: str) -> None:
    visit(page, site)
    page.get_by_label("Search").focus()
    page.keyboard.type("seedlings")
    expect(line(page, "many1")).to_have_count(0)
    line(page, "race1").get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    line(page, "deep1").get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Compare 2").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".aligned .relation").first).to_be_visible()
    page.get_by_role("button", name="all runs").focus()
    page.keyboard.press("Enter")
    button = line(page, "race1").get_by_role("button", name="Share")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    with page.expect_response(lambda answer: "explore/runs?" in answer.url):
        page.evaluate("window.dispatchEvent(new PopStateEvent('popstate'))")  # the list is read again
    page.wait_for_timeout(100)  # and shown
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_every_control_has_a_name(page: Page, site: str) -> None:
    for query in ("", "?sweep=new", "?compare=race1,deep1"):
        visit(page, site, query)
        page.wait_for_load_state("networkidle")
        nameless = page.evaluate(
            """() => [...document.querySelectorAll(".ll-explore :is(input, select, textarea, button, a)")]
              .filter((node) => node.offsetParent && !node.ariaHidden && !node.textContent.trim()
                && !node.ariaLabel && !node.labels?.length).map((node) => node.outerHTML)"""
        )
        assert nameless == []


@pytest.mark.parametrize("query", ["", "?sweep=new", "?compare=race1b,race1,deep1"])
@pytest.mark.parametrize("width", [1440, 640, 390])
def test_nothing_is_wider_than_the_page(page: Page, site: str, query: str, width: int) -> None:
    """640 pixels are what 1280 are at 200 % zoom."""
    page.set_viewport_size({"width": width, "height": 800})
    visit(page, site, query)
    expect(page.locator(".runs tr, .aligned .line, #ll-sweep-values").first).to_be_attached()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_mode_colours_the_page_and_its_curves(page: Page, site: str) -> None:
    visit(page, site, "?compare=race1,deep1&__theme=dark")
    expect(page.locator(".ll-explore .panel").first).to_have_css("background-color", "rgb(23, 30, 39)")
    expect(page.locator(".aligned .relation").first).to_have_css("color", "rgb(44, 197, 152)")


def test_an_empty_history_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    with RunManager(quick_profile(), tmp_path, hardware="a test machine") as manager, serving(manager) as site:
        page = browser.new_page()
        visit(page, site)
        expect(page.locator(".empty")).to_contain_text("No run yet. Start one on the Live page, or import a trace.")
        page.close()
