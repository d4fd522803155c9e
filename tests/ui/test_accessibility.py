"""Every page by axe-core, light and dark, wide and narrow; by keyboard alone; at 200 % zoom; without motion."""

from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from lr_demo.runs.manager import RunManager
from lr_demo.ui.offline_page import offline_page
from tests.runs.simulated_profile import slow_profile
from tests.ui.recorded import record_race
from tests.ui.site import serving
from tests.ui.test_live_page import LEFT, RIGHT, open_advanced, run, settled, visit
from tests.ui.test_offline_page import race_of
from tests.ui.test_saving import SAVE

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install -r requirements-dev.txt")
pytestmark = [pytest.mark.browser, pytest.mark.realtime]

DESK, PHONE, ZOOMED = (ViewportSize(width=w, height=h) for w, h in ((1280, 800), (390, 844), (640, 400)))
"""`ZOOMED` is what a laptop's 1280×800 leaves at 200 %."""
CUT_OFF = """() => [...document.querySelectorAll("button, a, input, select, textarea, h1, h2, .chip, .speed, .factor")]
  .filter((node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
  .filter((node) => !node.closest(".scroller, .plot"))
  .map((node) => [node.getBoundingClientRect(), node])
  .filter(([box]) => box.width > 1 && (box.left < -1 || box.right > innerWidth + 1))
  .map(([box, node]) => `${node.tagName}.${node.className} ${node.textContent.slice(0, 40)} ${box.right}`)"""
FOCUSED = """() => {
  const node = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(node);
  const before = window.focusedBefore;
  window.focusedBefore = node;
  return {
    what: `${node.tagName} ${node.id} ${node.className} ${node.textContent.slice(0, 30)}`,
    body: node === document.body,
    outlined: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
    after: !before || Boolean(before.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING),
  };
}"""


class Look(NamedTuple):
    theme: Literal["light", "dark"]
    size: ViewportSize


@pytest.fixture(params=[Look("light", DESK), Look("dark", PHONE)], ids=["light-desk", "dark-phone"])
def look(request: pytest.FixtureRequest) -> Look:
    """Colours and size each matter by themselves: two looks show all four."""
    chosen: Look = request.param
    return chosen


@pytest.fixture
def at(page: Page, look: Look) -> Page:
    """A page of that look, without motion."""
    page.emulate_media(color_scheme=look.theme, reduced_motion="reduce")
    page.set_viewport_size(look.size)
    return page


def sound(page: Page) -> None:
    """Nothing on the page is a serious or critical violation, ours or Gradio's."""
    found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    bad = [
        f"{each['id']} ({each['impact']}): {node['target']} {node['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    assert not bad, "\n".join(bad)


def pages_of(page: Page, site: str) -> list[str]:
    """Addresses of the pages that the masthead links to."""
    page.goto(site)
    links = page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(links.first).to_be_visible()
    return [str(link.evaluate("(link) => link.href")) for link in links.all()]


def open_page(page: Page, address: str, theme: str) -> None:
    """Open a page and wait until it stands still."""
    page.goto(f"{address}{'&' if '?' in address else '?'}__theme={theme}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(1500)  # a stream stays open: the network is never idle


def test_axe_finds_nothing_serious_on_any_page(at: Page, site: str, look: Look) -> None:
    for address in pages_of(at, site):
        open_page(at, address, look.theme)
        sound(at)


def test_axe_finds_nothing_serious_after_a_run(at: Page, site: str, look: Look, traces: Path) -> None:
    name = f"sound{look.theme}"
    record_race(traces, name)
    visit(at, f"{site}/?race={name}&__theme={look.theme}")
    settled(at)
    at.get_by_role("button", name=SAVE).click()
    at.locator(".givenup .opener, .aside .opener").first.click()
    sound(at)


def test_axe_finds_nothing_serious_during_a_run_and_nothing_moves(at: Page, look: Look, traces: Path) -> None:
    with RunManager(slow_profile(), traces, hardware="a test machine") as slow, serving(slow) as site:
        visit(at, f"{site}/?__theme={look.theme}")
        open_advanced(at)
        run(at)
        expect(at.locator(f"{LEFT} .card").first).to_be_visible()
        sound(at)
        moving = at.evaluate(
            "document.getAnimations().filter((a) => a.effect.target?.closest('.ll-stage, .ll-masthead')).length"
        )
        assert moving == 0
        at.click("#ll-stop")
        expect(at.locator(f"{LEFT} .state")).to_have_text("stopped")
        sound(at)


def test_axe_finds_nothing_serious_in_a_saved_race(at: Page, look: Look, traces: Path, tmp_path: Path) -> None:
    record_race(traces, f"file{look.theme}")
    path = tmp_path / "saved.html"
    path.write_text(offline_page(race_of(traces, f"file{look.theme}")), encoding="utf-8")
    at.set_viewport_size(ZOOMED)
    at.goto(path.as_uri())
    settled(at)
    sound(at)
    assert at.evaluate("document.documentElement.scrollWidth") <= ZOOMED["width"]
    assert at.evaluate(CUT_OFF) == []


def test_at_200_percent_nothing_is_cut_off_or_scrolls_sideways(page: Page, site: str, traces: Path) -> None:
    record_race(traces, "zoom1")
    page.set_viewport_size(ZOOMED)
    for address in [*pages_of(page, site), f"{site}/?race=zoom1"]:
        open_page(page, address, "light")
        if "zoom1" in address:
            settled(page)
            page.get_by_role("button", name=SAVE).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= ZOOMED["width"], address
        assert page.evaluate(CUT_OFF) == [], address


def test_tab_goes_through_the_page_in_reading_order_and_shows_where_it_is(page: Page, site: str, traces: Path) -> None:
    record_race(traces, "tab1")
    visit(page, f"{site}/?race=tab1")
    settled(page)
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["body"]:
            break
        reached.append(focused["what"])
        assert focused["outlined"], focused["what"]
        assert focused["after"], f"{focused['what']} comes before {reached[-2:][0]}"
    whole = "\n".join(reached)
    for control in ("Live", "Learn", "ll-run", "replay", "save", "scroll"):
        assert control in whole, f"{control} is not reached by Tab:\n{whole}"


def test_the_way_to_the_end_keeps_the_focus_after_it_has_been_taken(page: Page, site: str, traces: Path) -> None:
    record_race(traces, "jump1")
    visit(page, f"{site}/?race=jump1")
    settled(page)
    lane, follow = page.locator(f"{RIGHT} .scroll"), page.locator(f"{RIGHT} .jump")
    expect(lane).not_to_have_js_property("scrollTop", 0)  # at its end
    lane.focus()
    page.keyboard.press("Home")
    expect(lane).to_have_js_property("scrollTop", 0)  # it is on its way for a moment
    expect(follow).to_be_visible()
    follow.focus()
    page.keyboard.press("Enter")
    expect(follow).to_be_focused()
    page.keyboard.press("Tab")
    expect(follow).to_be_hidden()


def test_the_end_of_a_run_is_said_to_screen_readers(page: Page, site: str, traces: Path) -> None:
    record_race(traces, "said1")
    visit(page, f"{site}/?race=said1")
    settled(page)
    expect(page.locator(".ll-stage [aria-live=polite]").filter(has_text="The run finished at")).to_be_attached()
