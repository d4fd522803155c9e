"""A thousand steps: what keeps the page smooth is in place. Times are measured apart from the tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from lr_demo.models.story import SeededStory
from tests.ui.recorded import record_race
from tests.ui.test_live_page import LEFT, RIGHT, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.realtime]
STEPS = 1000


@pytest.fixture(scope="module")
def page(context: BrowserContext, site: str, traces: Path) -> Iterator[Page]:
    """One page for all: it shows a race of a thousand steps, both lanes complete."""
    record_race(traces, "long1", SeededStory(steps=STEPS, tokens_per_step=32, spread=0.3))
    page = context.new_page()
    visit(page, f"{site}/?race=long1")
    settled(page, within_s=180)  # sixty-five thousand tokens, beside whatever else is tested
    yield page
    page.close()


def test_a_thousand_steps_are_shown_in_pages_of_which_few_are_drawn(page: Page) -> None:
    expect(page.locator(f"{RIGHT} .card")).to_have_count(STEPS)
    expect(page.locator(f"{LEFT} .card")).to_have_count(STEPS)
    drawn = page.locator(f"{RIGHT} .card").evaluate_all(
        "(cards) => cards.filter((card) => card.checkVisibility({ contentVisibilityAuto: true })).length"
    )
    assert 0 < drawn < 100
    assert page.locator(f"{RIGHT} .page").count() >= STEPS // 20
    at_end = page.locator(f"{RIGHT} .scroll").evaluate("(n) => n.scrollHeight - n.scrollTop - n.clientHeight")
    assert at_end < 50


def test_charts_stay_small_however_long_the_run(page: Page) -> None:
    page.locator(".charts").scroll_into_view_if_needed()
    expect(page.locator(".chart .xtick").first).to_be_attached()
    assert page.locator(".charts svg *").count() < 3000
    points = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.plot')].flatMap((p) => (p.data ?? []).map((t) => t.x.length)))"
    )
    assert 0 < points < 4000
    corners = page.evaluate(
        "Math.max(...document.querySelector('[data-chart=timeline] .plot').layout.shapes"
        ".map(({ path }) => path.match(/[MLHV]/g).length))"
    )
    assert 0 < corners < 4000


def test_after_the_end_the_page_rests(page: Page) -> None:
    page.evaluate(
        """() => {
          window.ourFrames = 0;
          const ask = window.requestAnimationFrame;
          window.requestAnimationFrame = (work) => {
            if ((new Error().stack ?? "").includes("live-static")) window.ourFrames += 1;
            return ask(work);
          };
        }"""
    )
    for _ in range(30):
        page.evaluate("window.ourFrames = 0")
        page.wait_for_timeout(1000)
        if page.evaluate("window.ourFrames") == 0:
            return
    pytest.fail("frames are still asked for, half a minute after the end")


def test_a_user_who_scrolled_up_is_left_there(page: Page) -> None:
    page.locator(f"{RIGHT} .scroll").hover()
    follow = page.locator(f"{RIGHT} .jump")

    def turned() -> bool:
        page.mouse.wheel(0, -5000)
        page.wait_for_timeout(500)
        return follow.is_visible()

    assert any(turned() for _ in range(5)), "the first turn may meet the page while the lane is brought into view"
    page.wait_for_timeout(500)
    away = page.locator(f"{RIGHT} .scroll").evaluate("(n) => n.scrollHeight - n.scrollTop - n.clientHeight")
    assert away > 1000
    follow.click()
    expect(follow).to_be_hidden()
