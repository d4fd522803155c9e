"""The tree of alternatives in Chromium: where its nodes stand, what they say, how one moves in it."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from lr_demo.config import VerifierKind
from lr_demo.models.story import SeededStory
from lr_demo.run_state import StepPhase, fold
from tests.ui.recorded import LOOKAHEAD, record
from tests.ui.scripts import folded
from tests.ui.test_live_page import RIGHT, settled, visit

pytestmark = pytest.mark.browser

WIDE = LOOKAHEAD.model_copy(update={"width": 2, "lookahead": 3, "verifier": VerifierKind.JUDGE})
STORY = SeededStory(steps=12, tokens_per_step=10, spread=0.4)
NODES = """async ({ state }, load) => {
  const { nodes, left } = (await load('tree')).treeNodes(state, 0, state.ofStep.length - 1);
  const told = ({ key, step, column, row, parent, answer }) => ({key, column, row, parent, answer, phase: step.phase});
  return [nodes.map(told), left];
}"""


def test_the_answer_is_the_topmost_row_and_no_two_nodes_share_a_place(page: Page, site: str, traces: Path) -> None:
    events = record(traces, "nodes1", story=STORY, settings=WIDE)
    state = fold(events)
    nodes, left = folded(page, site, events, NODES)
    assert left == 0
    places = [(node["column"], node["row"]) for node in nodes]
    assert len(set(places)) == len(places)
    answer = [node for node in nodes if node["answer"]]
    assert [node["key"] for node in answer] == [
        f"{step.key.position}/{step.key.role}/{step.key.alternative}" for step in state.answer
    ]
    assert {node["row"] for node in answer} == {0}
    drafts = {f"{key.position}/draft/{key.alternative}" for key in state.steps if key.role == "draft"}
    assert drafts <= {node["key"] for node in nodes}
    assert {StepPhase.REJECTED, StepPhase.CANCELLED} & {node["phase"] for node in nodes}


def test_a_branch_goes_on_from_the_step_that_leads_to_it(page: Page, site: str, traces: Path) -> None:
    events = record(traces, "nodes2", story=STORY, settings=WIDE)
    positions = fold(events).positions
    nodes, _ = folded(page, site, events, NODES)
    by_key = {node["key"]: node for node in nodes}
    for node in nodes:
        opened = positions[int(node["key"].split("/")[0])]
        if opened.parent is not None:
            assert node["parent"] == f"{opened.parent}/{opened.parent_role}/{opened.parent_alternative}"
        if node["parent"] is not None:
            assert by_key[node["parent"]]["column"] == node["column"] - 1


@pytest.fixture
def tree(page: Page, site: str, traces: Path) -> Locator:
    record(traces, "tree1", story=STORY, settings=WIDE)
    visit(page, f"{site}/?race=tree1")
    settled(page)
    tree = page.get_by_role("tree")
    expect(tree.locator(".node.answer").first).to_be_attached()
    return tree


def test_nodes_are_walked_by_keyboard_and_told_in_full(page: Page, tree: Locator) -> None:
    tree.locator("[tabindex='0']").focus()
    page.keyboard.press("Home")
    first = tree.locator(".node:focus")
    step = first.get_attribute("aria-label") or ""
    page.keyboard.press("ArrowRight")
    second = tree.locator(".node:focus").get_attribute("aria-label") or ""
    assert int(second.split(",")[0].removeprefix("step ")) == int(step.split(",")[0].removeprefix("step ")) + 1
    page.keyboard.press("ArrowLeft")
    assert tree.locator(".node:focus").get_attribute("aria-label") == step
    page.keyboard.press("ArrowDown")
    beside = tree.locator(".node:focus").get_attribute("aria-label") or ""
    assert beside.split(",")[0] == step.split(",")[0]
    assert beside != step
    told = page.locator(".tree .detail")
    expect(told.locator(".line b")).to_contain_text(beside.split(":")[0].split(", in")[0].split(", ")[1])
    expect(told.locator(".side")).to_have_count(2)


def test_a_node_leads_to_its_card_and_a_card_lights_its_node(page: Page, tree: Locator) -> None:
    node = tree.locator(".node.answer").last
    number = (node.get_attribute("aria-label") or "").split(",")[0].removeprefix("step ")
    node.click()
    card = page.locator(f"{RIGHT} .card[data-step='{number}']")
    expect(card).to_be_focused()
    expect(node).to_contain_class("linked")


def test_the_slider_shows_earlier_steps(page: Page, tree: Locator) -> None:
    slider = page.get_by_label("First step of the tree")
    expect(page.locator(".tree .heads")).not_to_contain_text("step 1step")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator(".tree .heads span").first).to_have_text("step 1")
    page.get_by_role("button", name="newest").click()
    expect(page.locator(".tree .heads span").last).to_have_text("step 12")
