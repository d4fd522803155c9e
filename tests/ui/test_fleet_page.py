"""The Fleet page in Chromium: figures, a restart, a log, a switch of the profile; wide, narrow and dark."""

import re
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from lr_demo.config import Mode, Profile, RunSettings, parse_profile
from lr_demo.errors import ServingError
from lr_demo.runs.engine_thread import FleetView
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunPhase
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.gpus import GpuReading
from lr_demo.serving.rates import PrefixCache, ServerFigures, Speculation
from lr_demo.serving.sampler import AddressReading, PacePoint, ServerReading, Telemetry
from lr_demo.serving.status import AddressStatus, ServerState, ServerStatus
from tests.runs.simulated_profile import slow_profile
from tests.runs.watching import until_fleet
from tests.ui.site import serving

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

SERVERS = """
name: four
description: four GPUs, of which three are shown
servers:
  target: {engine: vllm, model: Big <i>32B</i>, gpus: [0, 1], tensor_parallel_size: 2, speculation: {method: ngram}}
  draft: {engine: vllm, model: Small 1.7B, gpus: [2]}
  later: {engine: llama.cpp, model: spare, on_demand: true}
  far: {engine: endpoint, model: Judge 7B, base_url: ["http://one/v1", "http://two/v1", "http://three/v1"]}
roles: {target: target, draft: draft, judge: target}
embedder: all-minilm-l6-v2
"""
HOSTILE = (
    "<img src=x onerror=\"window.hacked='img'\"> and <script>window.hacked='script'</script>",
    "${window.hacked='template'} and {{constructor.constructor('window.hacked=1')()}}",
    "\u202eright to left\u0000 and [link](javascript:window.hacked='link')",
    "x" * 5_000,
)
GPUS = tuple(GpuReading(index, "NVIDIA H100", (70 - index) * 2**30, 80 * 2**30, 412.0, 0.93) for index in range(3))
FIGURES = ServerFigures(
    running=3,
    waiting=1,
    kv_cache_usage=0.127,
    tokens_per_s=118.4,
    prompt_tokens_per_s=1843.0,
    cache=PrefixCache(100_000, 64_000),
    cache_lately=PrefixCache(1_000, 910),
    speculation=Speculation(1_000, 6_000, 1_830),
    speculation_lately=Speculation(100, 600, 301),
)


class Scripted(RunManager):
    """A manager whose servers are as a test says, and that notes what it is asked."""

    def __init__(self, profile: Profile, log: Path) -> None:
        super().__init__(slow_profile(), log.parent / "traces", hardware="a test machine")
        self.scripted = profile
        self.log = log
        self.restarted: list[str] = []
        self.roles: list[str] = []

    @property
    def fleet(self) -> FleetView:
        servers = (
            ServerStatus(
                "target", ("target", "judge"), "vllm", "Big <i>32B</i>", ServerState.READY, "serving", 1.0, self.log
            ),
            ServerStatus("draft", ("draft",), "vllm", "Small 1.7B", ServerState.LOADING, "reading the weights", 0.57),
            ServerStatus("later", (), "llama.cpp", "spare"),
            ServerStatus(
                "far",
                ("judge",),
                "endpoint",
                "Judge 7B",
                ServerState.READY,
                "serving",
                1.0,
                addresses=(
                    AddressStatus("http://one/v1"),
                    AddressStatus("http://two/v1"),
                    AddressStatus("http://three/v1", "<b>no</b> answer"),
                ),
            ),
            ServerStatus("embedder", ("embedder",), "transformers", "all-minilm-l6-v2", ServerState.READY, "there"),
        )
        return FleetView(servers, ready=False, error=None, profile=self.scripted)

    async def follow_fleet(self) -> AsyncGenerator[FleetView, None]:
        async for view in super().follow_fleet():
            if view is not None:
                yield self.fleet

    async def follow_telemetry(self) -> AsyncGenerator[Telemetry, None]:
        pace = tuple(PacePoint(float(second), 100.0 + second % 20) for second in range(60))
        async for _ in super().follow_telemetry():
            far = AddressReading("http://one/v1", FIGURES), AddressReading("http://two/v1", None, "timed out", False)
            target = ServerReading("target", FIGURES, None, pace)
            yield Telemetry(60.0, (target, ServerReading("far", FIGURES, None, pace, far)), GPUS)

    def roles_in_use(self, server: str) -> list[str]:
        return self.roles

    def restart_server(self, name: str) -> None:
        self.restarted.append(name)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "target.log"


@pytest.fixture(scope="module")
def manager(log: Path) -> Iterator[Scripted]:
    with Scripted(parse_profile(SERVERS, "four.yaml"), log) as manager:
        yield manager


@pytest.fixture(autouse=True)
def _fresh(manager: Scripted, log: Path) -> None:
    manager.restarted.clear()
    manager.roles = []
    log.write_text("".join(f"line {number}\n" for number in range(100)))


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=f"Server {name}", exact=True)


def visit(page: Page, site: str, query: str = "") -> None:
    page.goto(f"{site}/fleet{query}")
    expect(page.locator(".ll-fleet .server").first).to_be_visible()


def test_a_server_s_card_says_what_it_is_and_does_with_units(page: Page, site: str) -> None:
    visit(page, site)
    target = card(page, "target")
    expect(target.locator(".speed")).to_have_text("118")
    expect(target.locator(".roles")).to_have_text("target · judge")
    expect(target.locator(".what")).to_have_text("Big <i>32B</i> · vllm · GPUs 0, 1")
    expect(target.locator(".state")).to_contain_text("ready")
    cells = [re.sub(r"\s+", " ", text) for text in target.locator(".cell").all_inner_texts()]
    assert [cell.strip() for cell in cells] == [
        "Requests 3 running 1 waiting",
        "Prompts read 1,843 tokens/s",
        "KV cache 13 % in use",
        "Prefix-cache hits 91 % 64 % since start",
        "Proposals accepted 50 % 1,830 of 6,000 so far",
        "Mean accepted length 4.01 tokens 2.83 since start",
    ]
    gpus = target.locator(".gpu")
    expect(gpus).to_have_count(2)
    expect(gpus.first.locator(".figure")).to_have_text(["70.0 of 80.0 GiB", "412 W", "93 % busy"])
    assert (target.locator(".spark .curve").get_attribute("d") or "").count("L") > 50


def test_what_does_not_exist_is_a_dash_and_progress_is_shown(page: Page, site: str) -> None:
    visit(page, site)
    draft = card(page, "draft")
    expect(draft.locator(".state")).to_contain_text("loading 57 %")
    expect(draft.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "57")
    expect(draft.locator(".detail")).to_have_text("reading the weights")
    expect(draft.locator(".speed")).to_have_text("–")
    expect(draft.locator(".cell .value")).to_have_text(["–"] * 6)
    expect(card(page, "embedder").locator(".cell").first).to_be_hidden()
    expect(draft.get_by_role("button", name="Log of draft")).to_be_hidden()


def test_each_address_has_a_state_and_figures_of_its_own_and_the_sum_says_that_it_is_one(page: Page, site: str) -> None:
    visit(page, site)
    far = card(page, "far")
    expect(far.locator(".what")).to_have_text("far · Judge 7B · endpoint · 3 replicas elsewhere")
    rows = far.get_by_role("list", name="Addresses").get_by_role("listitem")
    expect(rows.locator(".state .word")).to_have_text(["ready", "failing", "failing"])
    expect(rows.locator(".name")).to_have_text(["http://one/v1", "http://two/v1", "http://three/v1"])
    expect(rows.locator(".figure")).to_have_text(["118 tokens/s · 3 running, 1 waiting", "–", "–"])
    expect(rows.nth(0).locator(".problem")).to_be_hidden()
    expect(rows.nth(1).locator(".problem")).to_have_text("timed out")
    expect(rows.nth(2).locator(".problem")).to_have_text("left out until the next start: <b>no</b> answer")
    expect(far.locator(".sum")).to_have_text("Figures: the sum over 1 of 3 addresses; of the KV cache, the mean.")
    expect(card(page, "target").locator(".addresses")).to_be_hidden()


def test_a_server_that_starts_on_demand_says_so_and_can_be_started(page: Page, site: str, manager: Scripted) -> None:
    visit(page, site)
    expect(page.locator(".profile .hint").first).to_have_text("3 of 4 servers ready, 1 on demand")
    later = card(page, "later")
    expect(later.locator(".state")).to_contain_text("on demand")
    expect(later.locator(".detail")).to_have_text("Starts when a run first needs it.")
    with page.expect_response("**/fleet/restart"):
        later.get_by_role("button", name="Start later").click()
    assert manager.restarted == ["later"]


def test_restart_is_asked_of_the_server(page: Page, site: str, manager: Scripted) -> None:
    visit(page, site)
    with page.expect_response("**/fleet/restart"):
        page.get_by_role("button", name="Restart target").click()
    assert manager.restarted == ["target"]
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_restart_of_a_server_in_use_is_confirmed_or_not_done(page: Page, site: str, manager: Scripted) -> None:
    manager.roles = ["target", "judge"]
    visit(page, site)
    restart = page.get_by_role("button", name="Restart target")
    restart.click()
    dialog = page.get_by_role("dialog", name="Restart target?")
    expect(dialog).to_contain_text("A run is using it as its target and judge.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert manager.restarted == []
    restart.click()
    expect(dialog).to_be_visible()
    with page.expect_response("**/fleet/restart"):
        dialog.get_by_role("button", name="Restart").click()
    assert manager.restarted == ["target"]


def test_the_log_shows_its_end_and_follows(page: Page, site: str, log: Path) -> None:
    visit(page, site)
    page.get_by_role("button", name="Log of target").click()
    lines = page.get_by_role("log")
    expect(lines.locator("div")).to_have_count(100)
    expect(lines.locator("div").last).to_be_in_viewport()
    with log.open("a") as file:
        file.write("and one more\n")
    expect(lines.locator("div").last).to_have_text("and one more")
    expect(lines.locator("div").last).to_be_in_viewport()
    lines.evaluate("(node) => (node.scrollTop = 0)")
    expect(page.get_by_role("button", name="newest lines")).to_be_visible()
    with log.open("a") as file:
        file.write("unseen\n")
    expect(lines.locator("div")).to_have_count(102)
    expect(lines.locator("div").first).to_be_in_viewport()
    page.get_by_role("button", name="newest lines").click()
    expect(lines.locator("div").last).to_be_in_viewport()
    lines.press("Escape")
    expect(lines).to_be_hidden()
    expect(page.get_by_role("button", name="Log of target")).to_be_focused()


def test_hostile_lines_are_shown_as_text(page: Page, site: str, log: Path) -> None:
    log.write_text("\n".join(HOSTILE) + "\n")
    visit(page, site)
    page.get_by_role("button", name="Log of target").click()
    lines = page.get_by_role("log")
    expect(lines.locator("div")).to_have_count(len(HOSTILE))
    text = lines.evaluate("(node) => node.textContent")
    for piece in ("<img src=x onerror=", "<script>", "${window.hacked", "{{constructor", "javascript:window"):
        assert piece in text
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    assert lines.locator("img, script, a, iframe").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_everything_can_be_reached_with_the_keyboard(page: Page, site: str) -> None:
    visit(page, site)
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent"))
    wanted = ["Live", "Fleet", "Switch…", "Log of target", "Restart target"]
    assert [name for name in reached if name in wanted][: len(wanted)] == wanted


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1600, 1024, 360])
def test_nothing_is_wider_than_the_page(page: Page, site: str, width: int, theme: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    visit(page, site, f"?__theme={theme}")
    page.get_by_role("button", name="Log of target").click()
    expect(page.get_by_role("log").locator("div").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    panel = page.locator(".ll-fleet .panel").first.evaluate("(node) => getComputedStyle(node).backgroundColor")
    assert panel == ("rgb(23, 30, 39)" if theme == "dark" else "rgb(255, 255, 255)")


def test_the_pages_lead_to_each_other_and_keep_the_race(page: Page, site: str) -> None:
    page.goto(f"{site}/?race=nothere1")
    links = page.get_by_role("navigation", name="Pages")
    links.get_by_role("link", name="Fleet").click()
    expect(card(page, "target")).to_be_visible()
    links.get_by_role("link", name="Live").click()
    expect(page.locator(".notice")).to_contain_text("does not know this race")


LONE = """
name: simulated
description: one server, without a draft
servers: {target: {engine: simulated, ms_per_token: 1.0}}
roles: {target: target}
defaults: {mode: autoregressive, max_tokens: 777}
"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunManager]:
    """On slow servers; the profile that ships as `simulated` is another one, which has no draft."""
    lone = parse_profile(LONE, "lone.yaml")
    monkeypatch.setattr("lr_demo.ui.fleet_routes.load_profile", lambda name: lone)
    with RunManager(slow_profile(), tmp_path / "traces", hardware="a test machine") as manager:
        yield manager


def choose(page: Page, name: str) -> Locator:
    """Ask for a switch; the question that comes."""
    page.get_by_label("Another profile").select_option(name)
    page.get_by_role("button", name="Switch…").click()
    return page.get_by_role("dialog", name=f"Switch to {name}?")


def test_a_switch_that_is_cancelled_changes_nothing(page: Page, slow: RunManager) -> None:
    with serving(slow) as site:
        race = slow.start("How many?", RunSettings())
        visit(page, site)
        dialog = choose(page, "simulated")
        expect(dialog).to_contain_text("1 run is queued or under way and will end as stopped")
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_be_hidden()
        assert slow.profile.name == "simulated-slow"
        assert race.run.phase in (RunPhase.QUEUED, RunPhase.RUNNING)


def test_a_switch_is_confirmed_and_every_page_follows(page: Page, slow: RunManager) -> None:
    with serving(slow) as site:
        live = page.context.new_page()
        live.goto(site)
        live.click("#ll-run")
        expect(live.locator(".lane .card").first).to_be_visible()
        visit(page, site)
        expect(card(page, "target").locator(".chip")).to_have_text("◇ simulated")
        choose(page, "simulated").get_by_role("button", name="Switch").click()
        expect(page.locator(".profile h2")).to_have_text("simulated")
        expect(page.locator(".ll-fleet .server")).to_have_count(1)
        expect(live.locator(".notice")).to_contain_text(
            "The run was stopped: the servers were switched from profile simulated-slow to simulated."
        )
        expect(live.locator(".ll-masthead .chip").first).to_have_text("simulated")
        expect(live.get_by_text(re.compile("Not here: LR.*draft server"))).to_be_visible()
        expect(live.locator("#ll-mode input")).to_have_value(re.compile("^AR"))
        live.fill("#ll-prompt textarea", "And now?")
        live.click("#ll-run")
        expect(live.locator(".lane:nth-child(2) .state")).to_have_text("finished")
        settings = slow.races()[0].run.settings
        assert (settings.mode, settings.max_tokens) == (Mode.AUTOREGRESSIVE, 777)


def test_a_page_that_is_opened_after_a_switch_fits_too(page: Page, slow: RunManager) -> None:
    with serving(slow) as site:
        slow.switch_profile(parse_profile(LONE, "lone.yaml"))
        page.goto(site)
        expect(page.locator("#ll-mode input")).to_have_value(re.compile("^AR"))
        expect(page.get_by_text(re.compile("Not here: LR.*draft server"))).to_be_visible()


def test_servers_that_do_not_come_up_are_told_and_can_be_started_again(
    page: Page, slow: RunManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [ServingError("target died: out of <b>memory</b>")]
    start = Fleet.start

    async def fail_once(fleet: Fleet) -> None:
        if failures:
            raise failures.pop()
        await start(fleet)

    until_fleet(slow, lambda view: view.ready)
    monkeypatch.setattr(Fleet, "start", fail_once)
    with serving(slow) as site:
        slow.switch_profile(slow.profile)
        visit(page, site)
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("target died: out of <b>memory</b>")
        alert.get_by_role("button", name="Start again…").click()
        page.get_by_role("dialog").get_by_role("button", name="Start again").click()
        expect(alert).to_be_hidden()
