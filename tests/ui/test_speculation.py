"""Token-level speculation on the Live page: its modes, its figures, which servers ran, and races at once."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lr_demo.config import Mode, RunSettings, parse_profile
from lr_demo.runs.engine_thread import FleetView
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import Race
from lr_demo.serving.status import ServerState, ServerStatus
from tests.runs.simulated_profile import replicated_profile
from tests.ui.site import serving
from tests.ui.test_live_page import LEFT, RIGHT, run, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.realtime]


@pytest.fixture(scope="module")
def replicas(traces: Path) -> Iterator[RunManager]:
    """A race on it takes some seconds."""
    with RunManager(replicated_profile(ms_per_token=150), traces, hardware="a test machine") as manager:
        yield manager


@pytest.fixture(scope="module")
def page_address(replicas: RunManager) -> Iterator[str]:
    with serving(replicas) as address:
        yield address


def started(manager: RunManager, mode: Mode, prompt: str) -> Race:
    return manager.start(prompt, RunSettings(mode=mode, lookahead=2))


def figure(page: Page, name: str) -> str:
    return page.locator(f"{RIGHT} .measured div").filter(has_text=name).locator("dd").inner_text()


def test_the_form_offers_every_mode(page: Page, page_address: str) -> None:
    visit(page, page_address)
    page.click("#ll-mode input")
    for name in ("LR+SD", "SD ·", "LR ·", "SpecReason", "AR ·"):
        expect(page.get_by_role("option").filter(has_text=name).first).to_be_visible()


def test_a_race_on_servers_of_their_own_runs_both_lanes_at_once(
    page: Page, page_address: str, replicas: RunManager
) -> None:
    visit(page, page_address)
    page.click("#ll-mode input")
    page.get_by_role("option").filter(has_text="LR+SD").click()
    run(page)
    expect(page.locator(f"{RIGHT} .state")).to_have_text("live")  # the first to end
    expect(page.locator(f"{LEFT} .state")).to_have_text("live, at the same time")
    expect(page.locator(f"{LEFT} .card").first).to_be_visible()
    expect(page.locator(f"{LEFT} .played")).to_have_text("on target")
    expect(page.locator(f"{RIGHT} .played")).to_have_text("on speculative")
    expect(page.locator(".title .chips")).to_contain_text("lanes at once, on devices of their own")
    expect(page.locator(".title .chips")).to_contain_text("speculation: simulated, 4 tokens")
    settled(page)
    expect(page.locator(f"{LEFT} .state")).to_contain_text("at the same time")
    summary = replicas.races()[0].summary()
    assert summary.speculation is not None
    assert summary.speculation.acceptance_rate is not None
    assert summary.acceptance_rate is not None
    assert figure(page, "proposals accepted") == f"{summary.speculation.acceptance_rate * 100:.0f} %"
    assert figure(page, "tokens a pass") == f"{summary.speculation.mean_accepted_length:.2f}"
    assert figure(page, "steps accepted") == f"{summary.acceptance_rate * 100:.0f} %"
    expect(page.locator(".why")).to_contain_text("of the proposed tokens were accepted")
    page.get_by_role("button", name="replay").click()
    expect(page.locator(f"{LEFT} .state")).to_have_text("replay · both ran at once")


def test_what_a_mode_does_not_have_is_a_dash(page: Page, tmp_path: Path) -> None:
    with RunManager(replicated_profile(), tmp_path, hardware="a test machine") as quick, serving(quick) as address:
        speculative = started(quick, Mode.SPECULATIVE, "How many tokens?")
        lookahead = started(quick, Mode.LOOKAHEAD, "How many steps?")
        visit(page, f"{address}/?race={speculative.id}")
        settled(page)
        assert figure(page, "steps accepted") == "–"
        assert figure(page, "proposals accepted") != "–"
        visit(page, f"{address}/?race={lookahead.id}")
        settled(page)
        assert figure(page, "proposals accepted") == "–"
        expect(page.locator(f"{RIGHT} .played")).to_be_hidden()
        expect(page.locator(".title .chips")).to_contain_text("one lane after the other")


class OnDemandManager(RunManager):
    """A manager whose speculative target is in a state of its own."""

    state = ServerState.WAITING

    async def follow_fleet(self) -> AsyncGenerator[FleetView, None]:
        target = ServerStatus("target", ("target",), "llama.cpp", "big model", ServerState.READY, "answers")
        other = ServerStatus("other", ("speculative_target",), "llama.cpp", "big model", self.state, "its state")
        yield FleetView((target, other), ready=True, error=None, profile=self.profile)


ON_DEMAND = """
name: on-demand
description: a speculative target that is started when it is needed
servers:
  target: {engine: llama.cpp, model: ./there-is-none.gguf}
  draft: {engine: llama.cpp, model: ./there-is-none.gguf}
  other: {engine: llama.cpp, model: ./there-is-none.gguf, on_demand: true, speculation: {method: ngram}}
roles: {target: target, speculative_target: other, draft: draft, judge: target}
"""


def test_a_server_that_is_started_for_a_run_is_said_and_one_that_waits_for_one_is_not(page: Page, traces: Path) -> None:
    profile = parse_profile(ON_DEMAND, "on-demand.yaml")
    with OnDemandManager(profile, traces, hardware="a test machine") as manager, serving(manager) as site:
        visit(page, site)
        expect(page.locator("#ll-mode")).to_contain_text("LR+SD and SD begin with a wait")
        expect(page.locator(".fleet .server")).to_have_count(2)
        expect(page.locator(".fleet")).to_be_hidden()
        manager.state = ServerState.LOADING
        page.reload()
        expect(page.locator(".fleet .line")).to_contain_text("one more server, which is being started: other")
