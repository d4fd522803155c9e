"""Step cards in Chromium: what differs is marked on both sides, what was given up says how it ended."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lr_demo.models.story import ScriptedStory, SeededStory
from tests.ui.recorded import record
from tests.ui.test_live_page import RIGHT, settled, visit

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
