"""A manager on simulated models, its site, and Chromium."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from lr_demo.config import Profile, parse_profile
from lr_demo.runs.manager import RunManager
from tests.runs.simulated_profile import TEXT
from tests.ui.site import serving

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
WATCHABLE = TEXT.replace("ms_per_token: 1.0", "ms_per_token: 6.0").replace("ms_per_token: 0.3", "ms_per_token: 1.5")
"""A race of some seconds."""


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """The folder of the traces."""
    return tmp_path / "traces"


@pytest.fixture
def profile() -> Profile:
    return parse_profile(WATCHABLE, "watchable.yaml")


@pytest.fixture
def manager(profile: Profile, traces: Path) -> Iterator[RunManager]:
    with RunManager(profile, traces, hardware="a test machine") as manager:
        yield manager


@pytest.fixture
def site(manager: RunManager) -> Iterator[str]:
    """The page's address."""
    with serving(manager) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Playwright keeps an event loop running in this thread, so it is not kept beyond a module."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A laptop's page; a script error in it fails the test."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors
