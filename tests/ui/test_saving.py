"""A race saved from the Live page and opened from disk in Chromium, without a server or any network."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lr_demo.models.story import ScriptedStory
from tests.ui.recorded import record, record_race
from tests.ui.test_hostile_text import HOSTILE
from tests.ui.test_live_page import LEFT, RIGHT, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.realtime]
SAVE = re.compile(r"^(▸ |▾ )?save$")
"""The button's name; those of the charts say which chart they save."""
SHOWN = """() => {
  const texts = (selector) => [...document.querySelectorAll(selector)].map((node) => node.textContent);
  return {
    cards: [...document.querySelectorAll(".card")].map((card) => [card.dataset.kind, card.textContent]),
    figures: texts(".lanehead .speed, .lanehead .factor, .lanehead .sub, .lanehead .measured"),
    said: texts(".title .problem, .title .chips .chip, .why"),
    mathematics: document.querySelectorAll(".cards math").length,
  };
}"""


@pytest.fixture
def alone(browser: Browser) -> Iterator[Page]:
    """A page that reaches nothing; anything on its console, and any request, fails the test."""
    said: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True, color_scheme="dark")
    page = context.new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.extend(re.findall("^(?!file:|data:|blob:).*", request.url)))
    yield page
    context.close()
    assert not said


def save(page: Page, site: str, run: str, folder: Path) -> Path:
    """Save a race as a page from the title row; its path."""
    visit(page, f"{site}/?race={run}")
    settled(page)
    page.get_by_role("button", name=SAVE).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="web page").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_saved_race_shows_what_the_live_page_showed(
    page: Page, alone: Page, site: str, traces: Path, tmp_path: Path
) -> None:
    texts = [r"Half: $\frac{82}{2} = 41$." + "\n\n", "So 82 plants grow.\n\n", r"\[ x^2 \]" + "\n\n", "End."]
    drafted = [texts[0], "So 92 plants grow.\n\n", texts[2], "End."]
    story = ScriptedStory(texts, drafted)
    record_race(traces, "saved1", story)
    path = save(page, site, "saved1", tmp_path)
    expect(page.locator(f"{RIGHT} math").first).to_be_attached()
    alone.goto(path.as_uri())
    settled(alone)
    expect(alone.locator(f"{RIGHT} math").first).to_be_attached()
    assert alone.evaluate(SHOWN) == page.evaluate(SHOWN)
    expect(alone.locator(".ll-masthead")).to_contain_text("a test machine")
    expect(alone.locator(".ll-masthead")).to_contain_text("21 November 2026")
    expect(alone.locator(".title .chip[data-look]")).to_have_text("◇ simulated")
    expect(alone.get_by_role("button", name=SAVE)).to_be_hidden()


def test_a_saved_race_is_replayed_drawn_and_turned_light(
    page: Page, alone: Page, site: str, traces: Path, tmp_path: Path
) -> None:
    record_race(traces, "saved2")
    alone.goto(save(page, site, "saved2", tmp_path).as_uri())
    settled(alone)
    cards = alone.locator(f"{RIGHT} .card").count()
    alone.locator(".charts").scroll_into_view_if_needed()
    expect(alone.locator(".chart .xtick text").first).to_be_visible()
    dark = alone.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")
    alone.get_by_role("button", name="light").click()
    assert alone.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor") != dark
    alone.get_by_role("button", name="replay").click()
    expect(alone.locator(f"{RIGHT} .state")).to_have_text("replay")
    expect(alone.locator(f"{LEFT} .state")).to_contain_text("replay")
    settled(alone)
    expect(alone.locator(f"{RIGHT} .card")).to_have_count(cards)


def test_hostile_text_stays_text_in_a_saved_race(
    page: Page, alone: Page, site: str, traces: Path, tmp_path: Path
) -> None:
    steps = [*(f"{text}\n\n" for text in [*HOSTILE, "</script><script>window.hacked='end'</script><!--"]), "End."]
    record(traces, "saved3", story=ScriptedStory(steps, steps), prompt=HOSTILE[0])
    alone.goto(save(page, site, "saved3", tmp_path).as_uri())
    settled(alone)
    expect(alone.locator(".title .problem")).to_have_text(HOSTILE[0])
    shown = alone.locator(f"{RIGHT} .cards").evaluate("(node) => node.textContent")
    assert "</script><script>window.hacked='end'</script>" in shown
    assert alone.evaluate("window.hacked") is None
    assert alone.locator(f"{RIGHT} .cards").locator("img, script, a, iframe").count() == 0


def test_what_can_be_saved_is_reached_by_keyboard_and_closed_with_escape(page: Page, site: str, traces: Path) -> None:
    record_race(traces, "keys1")
    visit(page, f"{site}/?race=keys1")
    settled(page)
    button = page.get_by_role("button", name=SAVE)
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="web page")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Perfetto")
    expect(link).to_be_focused()
    href = link.get_attribute("href")
    assert href is not None
    assert re.search(r"/exports/keys1\.perfetto\.json$", href)
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(link).to_be_hidden()
    assert json.loads(page.request.get(href).text())["otherData"]["run"] == "keys1"


def test_nothing_can_be_saved_before_a_run_has_ended(page: Page, site: str) -> None:
    visit(page, site)
    expect(page.get_by_role("button", name=SAVE)).to_be_hidden()
