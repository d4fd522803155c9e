"""A manager on simulated models, its site, and Chromium."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from lr_demo.config import Profile, parse_profile
from lr_demo.runs.manager import RunManager
from tests.runs.simulated_profile import TEXT
from tests.ui.site import serving

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""The first is the same engine without a window: a page is there in two thirds of the time."""
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
WATCHABLE = TEXT.replace("ms_per_token: 1.0", "ms_per_token: 60.0").replace("ms_per_token: 0.3", "ms_per_token: 12.0")
"""A race of some seconds."""


expect.set_options(timeout=30_000)


@pytest.fixture(scope="module", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the traces."""
    return tmp_path_factory.mktemp("traces")


@pytest.fixture(scope="module")
def profile() -> Profile:
    return parse_profile(WATCHABLE, "watchable.yaml")


@pytest.fixture(scope="module")
def manager(profile: Profile, traces: Path) -> Iterator[RunManager]:
    with RunManager(profile, traces, hardware="a test machine") as manager:
        yield manager


@pytest.fixture(scope="module")
def site(manager: RunManager) -> Iterator[str]:
    """The page's address."""
    with serving(manager) as address:
        yield address


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A laptop's browser, with a folder: what its pages load is kept for those of all modules, and compiled once.

    Playwright keeps an event loop running in this thread, so the browser itself is not kept beyond a module.
    """
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.getbasetemp() / "browser",
            executable_path=CHROMIUM,
            args=FLAGS.split(),
            viewport={"width": 1280, "height": 800},
        )
        yield context
        context.close()


@pytest.fixture(scope="module")
def browser(context: BrowserContext) -> Browser:
    """The same browser, for viewers that share nothing with the first."""
    assert context.browser is not None
    return context.browser


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that knows nothing of earlier ones; a script error in it fails the test."""
    errors: list[str] = []
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
    for opened in context.pages[1:]:  # with the first, which is empty, the browser would end
        opened.close()
    assert not errors
