"""Step cards in Chromium: what differs is marked on both sides, what was given up says how it ended."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from lr_demo.events import Outcome, PositionOpened, Role
from lr_demo.models.story import ScriptedStory, SeededStory
from lr_demo.run_state import RunState, StepKey, StepPhase, fold
from tests.decoding.scene import Scene
from tests.ui.recorded import LOOKAHEAD, record
from tests.ui.test_live_page import RIGHT, settled, visit
from tests.ui.test_stage import scrub

pytestmark = pytest.mark.browser


def test_the_words_of_the_correction_and_of_the_rejected_draft_that_differ_are_marked(
    page: Page, site: str, traces: Path
) -> None:
    story = ScriptedStory(
        ["Of 87 seeds 5 do not sprout.\n\n", "So 82 plants grow.\n\n", "End."],
        ["Of 87 seeds 5 do not sprout.\n\n", "So 92 plants grow.\n\n", "End."],
    )
    record(traces, "differs1", story=story)
    visit(page, f"{site}/?race=differs1")
    settled(page)
    card = page.locator(f"{RIGHT} .card[data-kind=corrected]")
    expect(card.locator(".body > .words mark")).to_have_text("82")
    expect(card.locator(".rejected mark")).to_have_text("92")
    expect(card.locator(".rejected .label")).to_contain_text("92 is not 82")


def test_what_the_target_wrote_beside_an_accepted_draft_can_be_read_with_its_differences(
    page: Page, site: str, traces: Path
) -> None:
    story = ScriptedStory(["It makes 82 in all.\n\n", "End."], ["That gives 82 in all.\n\n", "End."])
    record(traces, "agrees1", story=story)
    visit(page, f"{site}/?race=agrees1")
    settled(page)
    card = page.locator(f"{RIGHT} .card[data-kind=accepted]")
    expect(card.locator(".badge")).to_contain_text(re.compile(r"judge · 1.00 · \d+ ms"))
    opener = card.get_by_role("button", name="what the target wrote")
    expect(opener).to_contain_text("the numbers agree")
    opener.click()
    expect(card.locator(".aside mark").first).to_have_text("It makes")


def test_work_that_was_given_up_says_how_it_ended(page: Page, site: str, traces: Path) -> None:
    record(traces, "ended1", story=SeededStory(steps=16, tokens_per_step=12, spread=0.5))
    visit(page, f"{site}/?race=ended1")
    settled(page)
    line = page.locator(f"{RIGHT} .givenup").first
    line.locator("button").click()
    expect(line.locator(".line .label").first).to_contain_text(re.compile("cancelled after|not needed any more|✗"))


def test_what_the_target_writes_behind_its_own_step_joins_the_next_cycle_or_is_given_up(
    page: Page, site: str, traces: Path
) -> None:
    story = SeededStory(steps=12, tokens_per_step=8, acceptance=0.5, identical=0.0, seed=3)
    scene = Scene(story, verdict_s=0.05)
    events = record(traces, "behind1", settings=LOOKAHEAD.model_copy(update={"lookahead": 2}), scene=scene)
    state = fold(events)
    opened = [event for event in events if isinstance(event, PositionOpened) and event.parent_role is Role.TARGET]
    kept = [event.position for event in opened if event.position in {step.key.position for step in state.answer}]
    lost = [event for event in opened if event.position not in kept]
    assert kept
    assert lost
    assert all(state.steps[StepKey(event.position, Role.TARGET)].phase is StepPhase.CANCELLED for event in lost)
    visit(page, f"{site}/?race=behind1")
    settled(page)
    for event in (lost[0], next(event for event in opened if event.position in kept)):
        scrub(page, event.t + 0.02)
        card = page.locator(f"{RIGHT} .card[data-position='{event.position}']")
        expect(card.locator(".note")).to_have_text("if corrected")
        assert event.parent is not None
        expect(cycle_with(page, event.position)).to_have_attribute("data-cycle", str(cycle_of(state, event.parent) + 1))
    scrub(page, state.t)
    for step in state.answer:
        expect(cycle_with(page, step.key.position)).to_have_attribute("data-cycle", str(step.cycle + 1))
    expect(page.locator(f"{RIGHT} .card[data-position='{lost[0].position}']")).to_have_count(0)
    expect(page.locator(f"{RIGHT} .givenup[data-positions~='{lost[0].position}']")).to_have_count(1)
    assert {step.outcome for step in state.answer} >= {Outcome.ACCEPTED, Outcome.CORRECTED}


def cycle_of(state: RunState, position: int) -> int:
    """The cycle, from 0, in which a position's step joined the answer."""
    return next(step.cycle for step in state.answer if step.key.position == position)


def cycle_with(page: Page, position: int) -> Locator:
    """The cycle in which a position's card is shown."""
    return page.locator(f"{RIGHT} section.cycle:has(.card[data-position='{position}'])")
