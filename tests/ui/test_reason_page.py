"""Asking the judge why, in Chromium: by keyboard, labelled, refused in words, given up, and never markup."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from lr_demo.config import Profile
from lr_demo.runs.manager import RunManager
from tests.runs.watching import until_fleet
from tests.ui.recorded import record, record_own
from tests.ui.test_live_page import RIGHT, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

HOSTILE = "<img src=x onerror='window.broken = 1'>${alert(1)} $\\xi$"
CORRECTED = f"{RIGHT} .card[data-kind=corrected]"


@pytest.fixture(scope="module")
def run(manager: RunManager, profile: Profile) -> str:
    """A recorded run of the page's own models."""
    until_fleet(manager, lambda view: view.ready)
    record_own(manager.store.folder, "ours2", profile)
    return "ours2"


def test_the_judge_is_asked_by_keyboard_and_its_answer_is_labelled(page: Page, site: str, run: str) -> None:
    visit(page, f"{site}/?race={run}")
    settled(page)
    card = page.locator(CORRECTED).first
    asked = card.get_by_role("button", name="Ask the judge about step")
    asked.focus()
    page.keyboard.press("Enter")
    said = card.get_by_role("status")
    expect(said).to_contain_text("They differ: the drafted step says")
    expect(said).to_contain_text("asked afterwards, no part of the verdict")
    expect(said).to_contain_text("◇ simulated, no model was asked")
    expect(said).to_be_focused()
    expect(asked).to_be_hidden()


def test_equal_steps_and_runs_of_other_models_have_nobody_to_ask(
    page: Page, site: str, run: str, manager: RunManager
) -> None:
    visit(page, f"{site}/?race={run}")
    settled(page)
    expect(page.locator(f"{RIGHT} .card .ask").first).to_be_visible()
    expect(page.locator(f"{RIGHT} .card:is([data-kind=exact], [data-kind=target]) .ask")).to_have_count(0)
    record(manager.store.folder, "theirs2", profile="another")
    visit(page, f"{site}/?race=theirs2")
    settled(page)
    expect(page.locator(CORRECTED).first).to_be_visible()
    expect(page.locator(f"{RIGHT} .card .ask")).to_have_count(0)


def test_what_the_judge_writes_stays_text_and_a_refusal_can_be_asked_again(page: Page, site: str, run: str) -> None:
    refused = [True]

    def answer(route: Route) -> None:
        if refused:
            refused.clear()
            route.fulfill(status=409, json={"detail": "a run is under way: ask again when it has ended"})
        else:
            said = {"text": HOSTILE, "model": HOSTILE, "simulated": False, "seconds": 1.5}
            route.fulfill(body=json.dumps(said), content_type="application/json")

    page.route("**/reasons", answer)
    visit(page, f"{site}/?race={run}")
    settled(page)
    card = page.locator(CORRECTED).first
    card.locator(".ask").click()
    expect(card.locator(".said").first).to_have_text("No reason: a run is under way: ask again when it has ended")
    card.locator(".ask").click()
    expect(card.locator(".said")).to_contain_text(HOSTILE)
    assert page.evaluate("window.broken") is None
    assert card.locator(".said *").evaluate_all("(nodes) => nodes.every((node) => node.tagName === 'SPAN')")


def test_a_question_is_given_up_by_the_same_button(page: Page, site: str, run: str) -> None:
    given_up: list[str] = []
    page.on("requestfailed", lambda request: given_up.append(request.url.rsplit("/", 1)[1]))
    page.route("**/reasons", lambda route: None)
    visit(page, f"{site}/?race={run}")
    settled(page)
    card = page.locator(CORRECTED).first
    card.locator(".ask").click()
    expect(card.locator(".said")).to_contain_text("reads both steps")
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/reasons")):
        card.get_by_role("button", name="stop asking").click()
    expect(card.locator(".said")).to_be_hidden()
    expect(card.get_by_role("button", name="Ask the judge about step")).to_be_focused()
    assert given_up.count("reasons") == 1
