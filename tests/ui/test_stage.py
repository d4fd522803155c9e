"""The race on the Live page: any moment of it, replay, the finish line, up to four lanes, stage mode, the keyboard."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lr_demo.config import Mode, SimulatedSpeculation
from lr_demo.events import Event, Outcome
from lr_demo.models.story import SeededStory
from lr_demo.run_state import RunState, fold
from lr_demo.runs.manager import RunManager
from lr_demo.ui.static_files import address
from tests.decoding.scene import Scene
from tests.runs.simulated_profile import replicated_profile
from tests.ui.recorded import LOOKAHEAD, record
from tests.ui.site import serving
from tests.ui.test_live_page import LEFT, RIGHT, run, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

STORY = SeededStory(steps=9, tokens_per_step=60)
SPECULATION = SimulatedSpeculation(tokens=4, acceptance=0.6)
PLAIN = LOOKAHEAD.model_copy(update={"mode": Mode.AUTOREGRESSIVE})
WORDS = {
    Outcome.ACCEPTED: {"accepted", "exact match"},
    Outcome.CORRECTED: {"corrected"},
    Outcome.TARGET: {"target’s own"},
}
SLIDER = ".playback input[type=range]"


@pytest.fixture(scope="module")
def race(traces: Path) -> list[list[Event]]:
    """The events of both lanes of the recorded race `moment1`, which has an expected answer."""
    said = {"expected": "7", "devices": ["GPU 0", "GPU 1"], "simulated": False}
    plain = record(traces, "moment1b", story=STORY, settings=PLAIN, said=said)
    return [plain, record(traces, "moment1", story=STORY, baseline="moment1b", said=said)]


@pytest.fixture(scope="module")
def replicas(traces: Path) -> Iterator[RunManager]:
    with RunManager(replicated_profile(ms_per_token=20), traces, hardware="a test machine") as manager:
        yield manager


@pytest.fixture(scope="module")
def replicas_site(replicas: RunManager) -> Iterator[str]:
    with serving(replicas) as address:
        yield address


def until(events: list[Event], moment: float) -> RunState:
    """The fold of the events up to a moment."""
    return fold(event for event in events if event.t <= moment)


def scrub(page: Page, moment: float) -> None:
    """Move the slider to a moment, as a hand would, and wait for the page to rest."""
    page.locator(SLIDER).evaluate(
        "(slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input', { bubbles: true })); }", moment
    )
    page.evaluate("new Promise((done) => setTimeout(done, 400))")


def moment_of(page: Page) -> float:
    return float(page.locator(SLIDER).input_value())


def steps_shown(page: Page, lane: str) -> list[tuple[int, str, str]]:
    """Of each decided step that a lane shows: its number, its word and its text."""
    cards = page.locator(f"{lane} .card").evaluate_all(
        """(cards) => cards
          .filter((card) => ["accepted", "exact", "corrected", "target", "plain"].includes(card.dataset.kind))
          .map((card) => [
            Number(card.dataset.step),
            ...[".word", ".words"].map((what) => card.querySelector(what).textContent),
          ])
        """
    )
    return [(number, word, " ".join(text.split())) for number, word, text in cards]


def test_what_is_shown_at_any_moment_is_the_fold_of_the_events_up_to_it(
    page: Page, site: str, race: list[list[Event]]
) -> None:
    visit(page, f"{site}/?race=moment1")
    settled(page)
    end = max(events[-1].t for events in race)
    for moment in (end * share for share in (0.5, 0.2, 0.9, 0.0, 0.33, 1.0, 0.7)):
        scrub(page, moment)
        for lane, events in zip((LEFT, RIGHT), race, strict=True):
            state = until(events, moment)
            shown = steps_shown(page, lane)
            assert [number for number, _, _ in shown] == list(range(1, len(state.answer) + 1))
            for (_, word, text), step in zip(shown, state.answer, strict=True):
                assert lane == LEFT or word in WORDS[step.outcome]
                if "boxed" not in state.steps[step.key].text:
                    assert text == " ".join(state.steps[step.key].text.split())
        tokens = sum(step.tokens for step in until(race[1], moment).answer)
        expect(page.locator(f"{RIGHT} .sub")).to_contain_text(f"{tokens} token" if moment > 0 else "")
    expect(page.locator(f"{RIGHT} .state")).to_have_text("finished · replayed")


@pytest.mark.parametrize("width", [1, 2])
def test_the_fold_of_any_moment_is_the_fold_of_the_events_up_to_it(
    page: Page, site: str, traces: Path, width: int
) -> None:
    both = {"mode": Mode.LOOKAHEAD_SPECULATIVE, "width": width, "lookahead": 4}
    settings = LOOKAHEAD.model_copy(update=both)
    events = record(traces, f"any{width}", settings=settings, scene=Scene(story=STORY, speculation=SPECULATION))
    assert any(step.passes for step in fold(events).steps.values())
    chance = random.Random(7)
    moments = [chance.choice(events).t + chance.choice([-0.001, 0.0, 0.001]) for _ in range(40)]
    visit(page, site)
    found = page.evaluate(
        """async ([side, events, moments]) => {
          const { Side } = await import(side);
          const lane = new Side("test");
          lane.queue.push(events);
          return moments.map((moment) => {
            lane.advance(moment, Infinity);
            const { state } = lane;
            const steps = [...state.positions.values()].flatMap((p) => [p.target, ...p.drafts].filter(Boolean));
            return {
              cycle: state.cycle, written: { ...state.written }, tokens: state.tokens, t: state.t,
              steps: steps.map((s) => [s.position, s.role, s.alternative, s.phase, s.tokens, s.text, [...s.passes]]),
            };
          });
        }""",
        [
            f"/{address('js/side.js')}",
            [event.model_dump(mode="json", exclude_none=True) for event in events],
            moments,
        ],
    )
    for moment, shown in zip(moments, found, strict=True):
        state = until(events, moment)
        assert (shown["cycle"], shown["t"]) == (state.cycle, state.t)
        assert shown["written"] == {role.value: tokens for role, tokens in state.tokens_written.items()}
        assert shown["tokens"] == sum(step.tokens for step in state.answer)
        expected = [[*k, s.phase, s.tokens, s.text, s.passes] for k, s in state.steps.items()]
        assert sorted(shown["steps"]) == sorted(expected)


def test_a_replay_runs_at_the_speed_that_is_chosen_pauses_and_goes_on(
    page: Page, site: str, race: list[list[Event]]
) -> None:
    visit(page, f"{site}/?race=moment1")
    settled(page)
    page.get_by_label("Speed of replays").select_option("0.25")
    page.get_by_role("button", name="replay").click()
    expect(page.locator(f"{RIGHT} .state")).to_have_text("replay")
    page.get_by_role("button", name="pause").click()
    held = moment_of(page)
    assert held < race[1][-1].t
    page.get_by_label("Speed of replays").select_option("16")
    page.get_by_role("button", name="play").click()
    settled(page)
    assert moment_of(page) == pytest.approx(max(events[-1].t for events in race))
    expect(page.locator(f"{RIGHT} .card")).to_have_count(len(fold(race[1]).answer))


def test_the_keyboard_moves_the_race_but_not_while_something_is_typed(
    page: Page, site: str, race: list[list[Event]], manager: RunManager
) -> None:
    end = max(events[-1].t for events in race)
    visit(page, f"{site}/?race=moment1")
    settled(page)
    before = len(manager.races())
    page.keyboard.press("Home")
    expect(page.locator(f"{RIGHT} .card:is([data-kind=accepted], [data-kind=exact])")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    assert moment_of(page) == pytest.approx(1, abs=0.01)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press(">")
    expect(page.get_by_label("Speed of replays")).to_have_value("2")
    page.keyboard.press("<")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="pause")).to_be_visible()
    page.keyboard.press("Space")
    page.keyboard.press("End")
    assert moment_of(page) == pytest.approx(end)
    page.locator("#ll-prompt textarea").focus()
    page.keyboard.type("rsf? <>")
    page.keyboard.press("Home")
    assert moment_of(page) == pytest.approx(end)
    expect(page.locator("#ll-prompt textarea")).to_have_value(re.compile(re.escape("rsf? <>")))
    expect(page.locator(".ll-stage.big")).to_have_count(0)
    assert len(manager.races()) == before


def test_the_finish_line_names_time_speed_devices_and_answers(page: Page, site: str, race: list[list[Event]]) -> None:
    plain, lookahead = (fold(events) for events in race)
    speeds = [sum(step.tokens for step in state.answer) / state.t for state in (plain, lookahead)]
    visit(page, f"{site}/?race=moment1")
    settled(page)
    finish = page.locator(".finish")
    expect(finish.locator(".headline")).to_contain_text(f"LR wins at {speeds[1] / speeds[0]:.2f}× the speed of AR")
    first, second = finish.locator("tbody tr").all()
    expect(first).to_contain_text("2nd")
    expect(second).to_contain_text("fastest")
    expect(second).to_contain_text(f"{lookahead.t:.1f} s")
    expect(second).to_contain_text("2 GPUs (0, 1)")
    expect(second).to_contain_text(re.compile(r"✗ (wrong: .+, expected 7|none stated, expected 7)"))
    scrub(page, lookahead.t / 2)
    expect(finish.locator(".headline")).to_contain_text("drawn when every lane has ended")


def test_who_wins_and_who_loses_is_said_in_words(page: Page, site: str) -> None:
    visit(page, site)
    told = page.evaluate(
        """async (finish) => {
          const { headline } = await import(finish);
          const lane = (name, speed, time, answer = null, status = "finished") =>
            ({ name, speed, time, answer, ended: status === "finished", side: { state: { status } } });
          const places = (lanes) => lanes.filter((lane) => lane.ended).sort((a, b) => b.speed - a.speed);
          const line = (...lanes) => headline(lanes, places(lanes), lanes[0]);
          return [
            line(lane("AR", 100, 10), lane("LR", 62, 16)),
            line(lane("AR", 100, 10), lane("LR", 101, 9.9)),
            line(lane("AR", 100, 10), lane("SD", 150, 7), lane("LR", 50, 20), lane("LR+SD", 200, 8, { right: false })),
            line(lane("AR", 100, 10), lane("LR", 0, 3, null, "stopped")),
          ];
        }""",
        f"/{address('js/finish.js')}",
    )
    assert told == [
        "⚑ AR wins. LR loses against AR: 0.62× its speed.",
        "⚑ A tie: LR (1.01×) as fast as AR.",
        "⚑ LR+SD wins at 2.00× the speed of AR. LR loses against AR: 0.50× its speed. "
        "SD ended sooner, with fewer tokens. The answer of LR+SD is not the expected one.",
        "LR: stopped. AR ran alone to the end.",
    ]


def test_four_lanes_are_chosen_in_the_form_and_their_link_opens_all(
    page: Page, browser: Browser, replicas_site: str, replicas: RunManager
) -> None:
    visit(page, replicas_site)
    page.click("#ll-mode input")
    page.get_by_role("option").filter(has_text="LR+SD").click()
    for mode in ("SD", "LR"):
        page.locator("#ll-rivals").get_by_label(mode, exact=True).check()
    page.fill("#ll-expected :is(input, textarea)", "-7")
    run(page)
    lanes = page.locator(".ll-stage .lane")
    expect(lanes).to_have_count(4)
    settled(page)
    assert lanes.locator(".name").all_inner_texts() == ["AR", "SD", "LR", "LR+SD"]
    (race,) = replicas.races()
    for lane, handle in zip(lanes.all(), race.handles, strict=True):
        expect(lane.locator(".card")).to_have_count(len(handle.state().answer))
    expect(page.locator(".title .chips")).to_contain_text("AR and SD at once")
    expect(page.locator(".finish tbody tr")).to_have_count(4)
    expect(page.locator(".finish tbody tr").first).to_contain_text("invented")
    phone = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    visit(phone, page.url)
    settled(phone)
    expect(phone.locator(".ll-stage .lane")).to_have_count(4)
    places = phone.locator(".ll-stage .lane").evaluate_all("(lanes) => lanes.map((l) => l.getBoundingClientRect().x)")
    assert len(set(places)) == 1
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    expect(phone.locator("#ll-rivals").get_by_label("LR", exact=True)).to_be_checked()
    phone.context.close()


def test_any_two_modes_race_and_a_third_mode_too_many_is_refused(page: Page, replicas_site: str) -> None:
    visit(page, replicas_site)
    rivals = page.locator("#ll-rivals")
    for mode in ("SD", "LR+SD", "SpecReason"):
        rivals.get_by_label(mode, exact=True).check()
    run(page)
    expect(page.locator(".ll-problem")).to_contain_text("at most 4 lanes, these are 5")
    for mode in ("AR", "LR+SD", "SpecReason"):
        rivals.get_by_label(mode, exact=True).uncheck()
    run(page)
    settled(page)
    expect(page.locator(f"{LEFT} .name")).to_have_text("SD")
    expect(page.locator(".finish .headline")).to_contain_text("SD")
    expect(page.locator(".ll-problem")).to_be_hidden()


def test_stage_mode_leaves_lanes_clocks_and_the_finish_line(page: Page, site: str, race: list[list[Event]]) -> None:
    visit(page, f"{site}/?race=moment1")
    settled(page)
    small = page.locator(f"{RIGHT} .speed").evaluate("(node) => parseFloat(getComputedStyle(node).fontSize)")
    page.keyboard.press("f")
    expect(page.locator(".ll-stage.big")).to_be_visible()
    expect(page.get_by_role("button", name="leave the stage")).to_have_attribute("aria-pressed", "true")
    for hidden in (".charts", ".why", ".title .chips"):
        expect(page.locator(f".ll-stage {hidden}")).to_be_hidden()
    for visible in (".finish .headline", f"{RIGHT} .speed", ".title .chip.measured"):
        expect(page.locator(visible).first).to_be_in_viewport()
    large = page.locator(f"{RIGHT} .speed").evaluate("(node) => parseFloat(getComputedStyle(node).fontSize)")
    assert large > 1.5 * small
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("stage mode")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".ll-stage.big")).to_have_count(0)
    expect(page.locator(".ll-stage .charts")).to_be_visible()


def test_on_a_phone_the_lanes_of_the_stage_stand_below_one_another(
    page: Page, site: str, race: list[list[Event]]
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, f"{site}/?race=moment1")
    settled(page)
    page.keyboard.press("f")
    expect(page.locator(".ll-stage.big")).to_be_visible()
    left, right, below = (page.locator(where).bounding_box() for where in (LEFT, RIGHT, ".playback"))
    assert left is not None
    assert right is not None
    assert below is not None
    assert left["y"] + left["height"] <= right["y"]
    assert right["y"] + right["height"] <= below["y"]
    speed = page.locator(f"{RIGHT} .lanehead .row").first
    assert speed.evaluate("(row) => row.scrollWidth <= row.clientWidth")
    inside = page.locator(f"{RIGHT} .lanebody").bounding_box()
    assert inside is not None
    assert inside["height"] > 200


def test_a_countdown_comes_before_a_run_is_asked_for(page: Page, site: str, manager: RunManager) -> None:
    before = len(manager.races())
    visit(page, site)
    page.keyboard.press("f")
    page.keyboard.press("r")
    expect(page.locator(".countdown")).to_have_text("3")
    assert len(manager.races()) == before
    expect(page.locator(".countdown")).to_be_hidden()
    expect(page.locator(f"{LEFT} .card").first).to_be_visible()
    assert len(manager.races()) == before + 1
    page.keyboard.press("s")
    expect(page.locator(f"{RIGHT} .state")).to_have_text("stopped")
    page.keyboard.press("Escape")
    page.get_by_label("countdown").check()
    run(page)
    expect(page.locator(".countdown")).to_be_visible()
