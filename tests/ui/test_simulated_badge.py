"""The profile `h100-simulated` in Chromium: its badge everywhere, its problems, costs that are edited on the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lr_demo.config import Profile, load_profile
from lr_demo.runs.manager import RunManager
from tests.ui.site import serving
from tests.ui.test_live_page import LEFT, RIGHT, run, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.realtime]


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
    expect(banner).to_contain_text("Qwen3-32B with Qwen3-1.7B on H100s")
    expect(banner).to_contain_text("recorded 2026-11-22 on AMD EPYC, 2 cores, 24 GiB")
    for place in (f"{LEFT} .lanehead", f"{RIGHT} .lanehead", ".charthead", f"{RIGHT} .card"):
        assert "simulated" in mark(page, place)
    expect(page.locator(f"{LEFT} .card[data-origin='recorded']").first).to_be_visible()
    (plain,) = [race.baseline for race in manager.races()]
    assert plain is not None
    assert plain.state().t * 76.3 == pytest.approx(331, rel=0.03)

    page.click("#ll-costs button")
    page.fill("#ll-cost-target-ms input", "0")
    page.click("#ll-apply-costs")
    expect(page.locator(".ll-problem")).to_contain_text("Target, ms a token = 0: Input should be greater than 0")
    page.fill("#ll-cost-target-ms input", "6.5")
    page.click("#ll-apply-costs")
    expect(page.locator("#ll-costs")).to_contain_text("Edited: target_ms")
    expect(page.locator(".ll-problem")).to_be_hidden()
    run(page)
    expect(banner).to_contain_text("edited: target_ms 6.5")
    settled(page)
    newest = manager.races()[0].baseline
    assert newest is not None
    assert 331 / newest.state().t > 140

    page.fill("#ll-prompt textarea", "What is two and two?")
    run(page)
    expect(page.locator(".ll-problem")).to_contain_text("has no model that could solve this")
