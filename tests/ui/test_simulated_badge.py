"""The profile `h100-simulated` in Chromium: its badge everywhere, its problems, costs that are edited on the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from lr_demo.config import Profile, load_profile
from lr_demo.runs.manager import RunManager
from lr_demo.ui.offline_page import offline_page
from tests.ui.recorded import record_race
from tests.ui.site import serving
from tests.ui.test_live_page import LEFT, RIGHT, open_panel, run, settled, visit
from tests.ui.test_offline_page import race_of

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

SIZES = [ViewportSize(width=w, height=h) for w, h in ((1280, 800), (390, 844), (195, 422))]
"""A laptop, a phone, and what the phone leaves at 200 %."""
HIDDEN = """() => [...document.querySelectorAll(".ll-stage :is(button, select, input)")]
  .filter((node) => node.checkVisibility({ visibilityProperty: true }) && !node.disabled && !node.closest(".scroll"))
  .filter((node) => {
    scrollTo(0, document.documentElement.scrollHeight);
    document.querySelector(".ll-stage.big")?.scrollTo(0, 1e6);
    node.focus();
    const box = node.getBoundingClientRect();
    const over = document.elementFromPoint(box.left + box.width / 2, box.top + Math.min(4, box.height / 2));
    return over?.closest(".simulation");
  })
  .map((node) => node.textContent || node.getAttribute("aria-label"))"""
"""Controls that the badge covers when the keyboard comes to them from below."""


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile("h100-simulated")


@pytest.fixture(scope="module")
def manager(profile: Profile, traces: Path) -> Iterator[RunManager]:
    with RunManager(profile, traces, hardware="a laptop") as manager:
        yield manager


@pytest.fixture(scope="module")
def site(manager: RunManager) -> Iterator[str]:
    with serving(manager) as address:
        yield address


def mark(page: Page, selector: str) -> str:
    """What the badge of an element says."""
    said: str = page.locator(selector).first.evaluate("(node) => getComputedStyle(node, '::after').content")
    return said


def test_a_race_is_labelled_everywhere_and_follows_an_edited_cost(page: Page, site: str, manager: RunManager) -> None:
    visit(page, site)
    run(page)
    settled(page)
    banner = page.locator(".simulation")
    expect(banner).to_contain_text("SIMULATED")
    about = page.locator(".simulation-about")
    expect(about).to_contain_text("Qwen3-32B with Qwen3-1.7B on H100s")
    expect(about).to_contain_text("recorded 2026-11-22 on AMD EPYC, 2 cores, 24 GiB")
    for place in (f"{LEFT} .lanehead", f"{RIGHT} .lanehead", ".charthead", f"{RIGHT} .card"):
        assert "simulated" in mark(page, place)
    expect(page.locator(f"{LEFT} .card[data-origin='recorded']").first).to_be_visible()
    (plain,) = [race.baseline for race in manager.races()]
    assert plain is not None
    assert plain.state().t * 76.3 == pytest.approx(331, rel=0.03)

    open_panel(page, "#ll-costs", "#ll-cost-target-ms")
    page.fill("#ll-cost-target-ms input", "0")
    page.click("#ll-apply-costs")
    expect(page.locator(".ll-problem")).to_contain_text("Target, ms a token = 0: Input should be greater than 0")
    page.fill("#ll-cost-target-ms input", "6.5")
    page.click("#ll-apply-costs")
    expect(page.locator("#ll-costs")).to_contain_text("Edited: target_ms")
    expect(page.locator(".ll-problem")).to_be_hidden()
    run(page)
    expect(about).to_contain_text("edited: target_ms 6.5")
    settled(page)
    newest = manager.races()[0].baseline
    assert newest is not None
    assert 331 / newest.state().t > 140

    page.fill("#ll-prompt textarea", "What is two and two?")
    run(page)
    expect(page.locator(".ll-problem")).to_contain_text("has no model that could solve this")


def in_sight(page: Page, most: float = 40) -> None:
    """The badge is a slim bar in sight wherever the page is scrolled to, over no control that is used."""
    bar = page.locator(".simulation")
    for share in (0, 0.3, 0.6, 1):
        page.evaluate("(share) => scrollTo(0, share * document.documentElement.scrollHeight)", share)
        expect(bar).to_be_in_viewport(ratio=1)
    box = bar.bounding_box()
    assert box is not None
    assert box["height"] <= most
    expect(bar.locator("b")).to_be_in_viewport(ratio=1)
    page.evaluate("scrollTo(0, 0)")
    for heading in page.locator("body:not(:has(.ll-stage.big)) h1").all():
        name, badge = heading.bounding_box(), bar.bounding_box()
        assert name is not None
        assert badge is not None
        assert name["y"] >= badge["y"] + badge["height"] or name["y"] + name["height"] <= badge["y"]
    assert page.evaluate(HIDDEN) == []


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size["width"]))
def test_the_badge_stays_in_sight_and_covers_no_control(
    page: Page, site: str, traces: Path, tmp_path: Path, size: ViewportSize
) -> None:
    name = f"sticky{size['width']}"
    record_race(traces, name)
    page.set_viewport_size(size)
    visit(page, f"{site}/?race={name}")
    settled(page)
    in_sight(page)
    page.locator(".ll-stage").get_by_role("button", name="stage").click()
    in_sight(page, most=60)
    page.keyboard.press("Escape")
    file = tmp_path / "race.html"
    file.write_text(offline_page(race_of(traces, name)), encoding="utf-8")
    page.goto(file.as_uri())
    settled(page)
    in_sight(page)
