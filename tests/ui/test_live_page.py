"""The Live page in Chromium: a race on simulated models, watched, reloaded, stopped, refused."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lr_demo.config import DraftedSpeculation, Mode, Profile, RunSettings, VerifierKind, parse_profile
from lr_demo.events import RunFinished, RunStatus
from lr_demo.models.simulated import Failure
from lr_demo.models.story import SeededStory
from lr_demo.run_state import fold
from lr_demo.runs.engine_thread import FleetView
from lr_demo.runs.manager import RunManager
from lr_demo.runs.probes import ProbeStore
from lr_demo.runs.race import RunPhase
from lr_demo.serving.status import ServerState, ServerStatus
from lr_demo.ui.static_files import address
from tests.decoding.scene import Scene
from tests.runs.simulated_profile import slow_profile, steady_profile
from tests.runs.test_forecasts import probe_of
from tests.runs.test_workloads import MODELS
from tests.ui.recorded import LOOKAHEAD, STORY, record, record_race
from tests.ui.site import serving

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

LEFT, RIGHT = ".lane:nth-child(1)", ".lane:nth-child(2)"


def visit(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator(".ll-stage .lanes")).to_be_visible()


def run(page: Page) -> None:
    page.click("#ll-run")


def open_panel(page: Page, panel: str, field: str) -> None:
    """Open an accordion. Gradio puts its fields' own values into them a moment after they appear; `field` has one."""
    page.click(f"{panel} button")
    expect(page.locator(f"{field} input")).not_to_have_value("")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")


def open_advanced(page: Page) -> None:
    open_panel(page, "#ll-advanced", "#ll-seed")


def settled(page: Page, within_s: float = 60) -> None:
    """Both lanes are at their end. Not asked by role: that computes the name of every card, seconds in a long run."""
    expect(page.locator("button.play", has_text="replay")).to_be_visible(timeout=1000 * within_s)


def test_a_race_shows_cards_their_outcomes_and_the_measured_speedup(page: Page, site: str, manager: RunManager) -> None:
    visit(page, site)
    run(page)
    expect(page.locator(f"{LEFT} .card").first).to_be_visible()
    settled(page)
    (race,) = manager.races()
    state, summary = race.run.state(), race.summary()
    kinds = {"accepted": ["accepted", "exact match"], "corrected": ["corrected"], "target": ["target’s own"]}
    cards = page.locator(f"{RIGHT} .card")
    expect(cards).to_have_count(len(state.answer))
    for card, step in zip(cards.all(), state.answer, strict=True):
        assert card.locator(".word").inner_text() in kinds[step.outcome]
    expect(page.locator(f"{LEFT} .card")).to_have_count(6)
    assert summary.speedup is not None
    expect(page.locator(f"{RIGHT} .factor")).to_have_text(f"{summary.speedup:.2f}×")
    expect(page.locator(".why")).to_contain_text(re.compile(r"target token takes [\d.]+ ms alone"))
    expect(page.locator(".title .chip.measured")).to_contain_text("simulated")


def test_what_was_predicted_stands_beside_what_was_measured(
    page: Page, site: str, traces: Path, profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_CACHE", str(tmp_path))
    ProbeStore().keep(profile, probe_of(profile))
    record(traces, "probed1", story=STORY, models=MODELS, profile=profile.name)
    visit(page, f"{site}/?race=probed1")
    said = re.compile(r"Predicted: [\d.]+ tokens/s, [\d.]+× plain decoding; measured: [\d.]+ tokens/s")
    expect(page.locator(".predicted")).to_contain_text(said)
    expect(page.locator(".predicted")).to_contain_text("held back most by acceptance")


def test_while_the_run_is_live_the_measured_baseline_is_its_ghost(page: Page, traces: Path) -> None:
    with RunManager(steady_profile(), traces, hardware="a test machine") as steady, serving(steady) as site:
        visit(page, site)
        run(page)
        expect(page.locator(f"{RIGHT} .state")).to_have_text("live", timeout=60_000)
        expect(page.locator(f"{LEFT} .state")).to_contain_text("ghost")
        settled(page)


def test_a_reload_in_mid_run_shows_the_run_again_complete(page: Page, site: str, manager: RunManager) -> None:
    visit(page, site)
    page.fill("#ll-prompt textarea", "How many seedlings?")
    run(page)
    expect(page.locator(f"{RIGHT} .card[data-kind=accepted], {RIGHT} .card[data-kind=corrected]").first).to_be_visible()
    page.reload()
    expect(page.locator(".title .problem")).to_have_text("How many seedlings?")
    expect(page.locator("#ll-prompt textarea")).to_have_value("How many seedlings?")
    settled(page)
    expect(page.locator(f"{RIGHT} .card")).to_have_count(len(manager.races()[0].run.state().answer))


def test_a_second_viewer_sees_the_same_race(page: Page, browser: Browser, site: str) -> None:
    visit(page, site)
    run(page)
    expect(page).to_have_url(re.compile("race="))
    other = browser.new_page()
    visit(other, page.url)
    for viewer in (page, other):
        settled(viewer)
    texts = [viewer.locator(f"{RIGHT} .card .words").all_inner_texts() for viewer in (page, other)]
    assert texts[0] == texts[1] != []
    other.close()


def test_a_race_of_another_viewer_is_offered_and_the_form_follows(page: Page, site: str, manager: RunManager) -> None:
    race = manager.start("How many lanterns?", RunSettings(mode=Mode.LOOKAHEAD, lookahead=3, seed=99), baseline=True)
    visit(page, site)
    page.locator(".others button").filter(has_text="lanterns").click()
    expect(page.locator("#ll-prompt textarea")).to_have_value("How many lanterns?")
    open_advanced(page)
    expect(page.locator("#ll-seed input")).to_have_value("99")
    settled(page)
    expect(page.locator(f"{RIGHT} .card")).to_have_count(len(race.run.state().answer))


def test_stop_ends_the_run_and_says_so(page: Page, traces: Path) -> None:
    with RunManager(slow_profile(), traces, hardware="a test machine") as slow, serving(slow) as site:
        visit(page, site)
        run(page)
        expect(page.locator(f"{LEFT} .card").first).to_be_visible()
        page.click("#ll-stop")
        expect(page.locator(f"{LEFT} .state")).to_have_text("stopped")
        expect(page.locator(f"{RIGHT} .state")).to_have_text("stopped")
        expect(page.locator("#ll-stop")).to_be_disabled()
        assert slow.races()[0].run.phase is RunPhase.STOPPED


def test_an_empty_prompt_is_refused_in_a_sentence_and_nothing_is_lost(page: Page, site: str) -> None:
    visit(page, site)
    open_advanced(page)
    page.fill("#ll-seed input", "4711")
    page.fill("#ll-prompt textarea", "   ")
    run(page)
    expect(page.locator(".ll-problem")).to_contain_text("the prompt is empty")
    expect(page.locator("#ll-seed input")).to_have_value("4711")
    page.fill("#ll-prompt textarea", "How many?")
    run(page)
    expect(page.locator(".ll-problem")).to_be_hidden()
    expect(page.locator(".title .chips")).to_contain_text("seed 4711")


@pytest.mark.parametrize(
    ("prompt", "complaint"),
    [("x" * 200_000, "200,000 characters"), ("<b>&${alert(1)} \\xi $x^2$", "")],
    ids=["too long", "markup"],
)
def test_odd_prompts_are_taken_or_refused_as_text(page: Page, site: str, prompt: str, complaint: str) -> None:
    visit(page, site)
    page.fill("#ll-prompt textarea", prompt)
    run(page)
    if complaint:
        expect(page.locator(".ll-problem")).to_contain_text(complaint)
        expect(page.locator("#ll-prompt textarea")).to_have_value(prompt)
    else:
        expect(page.locator(".title .problem")).to_have_text(prompt)


def test_settings_out_of_range_are_refused_in_a_sentence(page: Page, site: str) -> None:
    visit(page, site)
    open_advanced(page)
    page.fill("#ll-max-tokens input", "999999999")
    run(page)
    expect(page.locator(".ll-problem")).to_contain_text("max_tokens = 999999999")


def test_a_blank_temperature_is_the_family_s_and_a_word_is_refused(page: Page, site: str) -> None:
    visit(page, site)
    open_advanced(page)
    field = page.locator("#ll-temperature :is(input, textarea)")
    expect(field).to_have_value("")
    run(page)
    expect(page.locator(".title .chips")).to_contain_text("family temperature")
    field.fill("warm")
    run(page)
    expect(page.locator(".ll-problem")).to_contain_text("temperature = 'warm'")
    field.fill("0.3")
    run(page)
    expect(page.locator(".title .chips")).to_contain_text("temperature 0.3")


def test_controls_follow_the_mode(page: Page, site: str) -> None:
    visit(page, site)
    expect(page.get_by_label("Lookahead γ").first).to_be_visible()
    page.click("#ll-mode input")
    page.get_by_role("option", name=re.compile("SpecReason")).click()
    expect(page.get_by_text("Least score of a drafted step, 0 to 9")).to_be_visible()
    expect(page.get_by_label("Lookahead γ").first).to_be_hidden()
    page.click("#ll-mode input")
    page.get_by_role("option", name=re.compile("^AR")).click()
    expect(page.get_by_text("Threshold", exact=True)).to_be_hidden()
    run(page)
    expect(page.locator(f"{RIGHT} .card").first).to_be_visible()
    expect(page.locator(LEFT)).to_be_hidden()


@pytest.mark.parametrize("mode", [Mode.SPECREASON, Mode.AUTOREGRESSIVE])
def test_other_modes_are_shown_too(page: Page, site: str, manager: RunManager, mode: Mode) -> None:
    race = manager.start("How many?", RunSettings(mode=mode))
    visit(page, f"{site}/?race={race.id}")
    settled(page)
    expect(page.locator(f"{RIGHT} .card")).to_have_count(len(race.run.state().answer))


def test_alternatives_stand_beside_each_other(page: Page, site: str, manager: RunManager) -> None:
    race = manager.start("How many?", RunSettings(width=2, verifier=VerifierKind.JUDGE))
    visit(page, f"{site}/?race={race.id}")
    settled(page)
    expect(page.locator(f"{RIGHT} .card")).to_have_count(len(race.run.state().answer))


def test_a_replay_shows_the_race_again(page: Page, site: str, traces: Path) -> None:
    events = record_race(traces, "replay1", SeededStory(steps=9, tokens_per_step=100))  # seconds, to be seen
    visit(page, f"{site}/?race=replay1")
    settled(page)
    steps = len(fold(events).answer)
    page.get_by_role("button", name="replay").click()
    expect(page.locator(f"{RIGHT} .state")).to_have_text("replay")
    settled(page)
    page.get_by_role("button", name="replay").click()
    page.get_by_role("button", name="skip").click()
    settled(page)
    expect(page.locator(f"{RIGHT} .card")).to_have_count(steps)


def test_a_failed_run_is_explained(page: Page, site: str, traces: Path) -> None:
    reason = "the target server does not answer: look into its log"
    record(traces, "failed1", ended=RunFinished(status=RunStatus.FAILED, reason=reason))
    visit(page, f"{site}/?race=failed1")
    expect(page.locator(".notice[data-look=error]")).to_have_text(f"The run failed: {reason}")


def test_a_draft_that_is_away_is_told(page: Page, site: str, traces: Path) -> None:
    from tests.decoding.scene import Scene

    record(traces, "degraded1", scene=Scene(story=STORY, draft_failures=dict.fromkeys(range(1, 99), Failure())))
    visit(page, f"{site}/?race=degraded1")
    expect(page.locator(".notice").filter(has_text="The draft is away")).to_contain_text("the target goes on alone")


def test_an_unknown_race_is_said(page: Page, site: str) -> None:
    visit(page, f"{site}/?race=nothere1")
    expect(page.locator(".notice")).to_contain_text("does not know this race")


class LoadingManager(RunManager):
    """A manager whose servers are still on their way."""

    async def follow_fleet(self) -> AsyncGenerator[FleetView, None]:
        servers = (
            ServerStatus(
                "target", ("target", "judge"), "vllm", "big <b>model</b>", ServerState.FETCHING, "part 3 of 22", 0.14
            ),
            ServerStatus("draft", ("draft",), "llama.cpp", "small model", ServerState.READY, "answers"),
        )
        yield FleetView(servers, ready=False, error=None, profile=self.profile)
        yield FleetView(servers, ready=False, error="the disk is full: 1.2 GiB are missing", profile=self.profile)


def test_while_models_load_every_server_is_shown(page: Page, profile: Profile, traces: Path) -> None:
    with LoadingManager(profile, traces, hardware="a test machine") as manager, serving(manager) as site:
        visit(page, site)
        fleet = page.locator(".fleet")
        expect(fleet.locator(".server")).to_have_count(2)
        expect(fleet).to_contain_text("part 3 of 22")
        expect(fleet).to_contain_text("big <b>model</b>")
        expect(fleet.get_by_role("progressbar").first).to_have_attribute("aria-valuenow", "14")
        expect(fleet.locator(".line")).to_have_text("the disk is full: 1.2 GiB are missing")


def test_dark_mode_colours_page_and_charts(page: Page, site: str, traces: Path) -> None:
    record_race(traces, "dark1")
    visit(page, f"{site}/?race=dark1&__theme=dark")
    settled(page)
    page.locator(".charts").scroll_into_view_if_needed()
    axis = page.locator(".chart .xtick text").first
    expect(axis).to_be_visible()

    def colour(selector: str, name: str) -> str:
        found = page.locator(selector).first.evaluate("(node, name) => getComputedStyle(node)[name]", name)
        assert isinstance(found, str)
        return found

    dark = colour(".ll-stage .card", "backgroundColor"), colour(".chart .xtick text", "fill")
    page.evaluate("document.body.classList.remove('dark')")
    expect(axis).not_to_have_css("fill", dark[1])
    assert colour(".ll-stage .card", "backgroundColor") != dark[0]


@pytest.mark.parametrize("width", [1600, 1280, 390])
def test_nothing_is_wider_than_the_page(page: Page, site: str, traces: Path, width: int) -> None:
    record_race(traces, f"width{width}")
    page.set_viewport_size({"width": width, "height": 800})
    visit(page, f"{site}/?race=width{width}")
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#ll-advanced > button")
    expect(page.locator("#ll-seed")).to_be_visible()
    for part in ("#ll-form", "#ll-fields"):
        assert page.locator(part).evaluate("(node) => node.scrollWidth - node.clientWidth") <= 0
    if width > 900:  # else the form is as long as it is, above the race
        expect(page.locator("#ll-run")).to_be_in_viewport(ratio=0.9)


@pytest.mark.parametrize(
    ("run", "changed", "scene"),
    [
        ("wide1", {"width": 2, "lookahead": 4}, Scene(story=STORY)),
        ("ahead1", {"mode": Mode.SPECULATIVE}, Scene(story=STORY, speculation=DraftedSpeculation(method="drafted"))),
    ],
)
def test_the_fold_of_the_page_is_the_fold_of_the_events(
    page: Page, site: str, traces: Path, run: str, changed: dict[str, object], scene: Scene
) -> None:
    events = record(traces, run, settings=LOOKAHEAD.model_copy(update=changed), scene=scene)
    state = fold(events)
    visit(page, site)
    found = page.evaluate(
        """async ([script, events]) => {
          const { RunState, slim, stepText } = await import(script);
          const state = new RunState();
          for (const event of events) state.apply(slim(event));
          const steps = [...state.positions.values()].flatMap((p) => [p.target, ...p.drafts].filter(Boolean));
          return {
            status: state.status, cycle: state.cycle, written: state.written, tokens: state.tokens,
            ahead: state.draftedAhead,
            text: state.answer.map((p) => stepText(p.committed.step)).join(""),
            steps: steps.map((s) => [s.position, s.role, s.alternative, s.phase, s.tokens, stepText(s)]),
          };
        }""",
        [f"/{address('js/state.js')}", [event.model_dump(mode="json", exclude_none=True) for event in events]],
    )
    assert found["status"] == state.status
    assert found["cycle"] == state.cycle
    assert found["written"] == {role.value: tokens for role, tokens in state.tokens_written.items()}
    assert found["ahead"] == state.drafted_ahead.model_dump(include={"tokens", "confirmed"})
    assert found["tokens"] == sum(step.tokens for step in state.answer)
    assert found["text"] == state.text()
    expected = [[k.position, k.role, k.alternative, s.phase, s.tokens, s.text] for k, s in state.steps.items()]
    assert sorted(found["steps"]) == sorted(expected)


def test_an_unavailable_mode_is_not_offered(page: Page, traces: Path) -> None:
    text = (
        "name: lone\ndescription: d\nservers: {target: {engine: simulated, ms_per_token: 1.0}}\nroles: {target: target}"
    )
    lone = parse_profile(text, "lone.yaml")
    with RunManager(lone, traces, hardware="a test machine") as manager, serving(manager) as site:
        visit(page, site)
        expect(page.get_by_text(re.compile("Not here: LR.*draft server"))).to_be_visible()
        page.click("#ll-mode input")
        expect(page.locator("[role=option]")).to_have_count(1)
