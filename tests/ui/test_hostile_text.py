"""What a model writes is text: nothing of it runs, breaks the page or is lost."""

import itertools
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lr_demo.models.story import ScriptedStory
from tests.ui.recorded import record
from tests.ui.test_live_page import RIGHT, settled, visit

pytestmark = pytest.mark.browser

HOSTILE = [
    "<img src=x onerror=\"window.hacked='img'\"> and <script>window.hacked='script'</script>",
    "${window.hacked='template'} and {{constructor.constructor('window.hacked=1')()}}",
    r"A lone \xi and \unknown{x} and $\frac{1$ and \boxed{",
    "[link](javascript:window.hacked='link') and `<b>code</b>` and **<i>bold</i>**",
    "**a " * 300,
    "$ " + "`" * 500 + "$$" * 200,
    "\u202e\u0000 \ufeff right to left",
]


_ids = itertools.count()


def shown(page: Page, traces: Path, site: str, steps: list[str]) -> str:
    """All text of the run's lane after a race of these steps."""
    run = f"hostile{next(_ids)}"
    story = ScriptedStory([*(f"{step}\n\n" for step in steps), "End."], [*(f"{step}\n\n" for step in steps), "End."])
    record(traces, run, story=story, prompt=HOSTILE[0])
    visit(page, f"{site}/?race={run}")
    settled(page)
    return page.locator(f"{RIGHT} .cards").evaluate("(node) => node.textContent")  # type: ignore[no-any-return]


def test_hostile_text_is_shown_and_nothing_runs(page: Page, site: str, traces: Path) -> None:
    text = shown(page, traces, site, HOSTILE)
    for piece in (
        "<img src=x onerror=",
        "<script>",
        "${window.hacked",
        "{{constructor",
        r"\xi",
        r"\unknown{x}",
        "<b>code</b>",
    ):
        assert piece in text
    expect(page.locator(".title .problem")).to_have_text(HOSTILE[0])
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    assert page.locator(f"{RIGHT} .cards").locator("img, script, a, iframe").count() == 0


def test_a_line_of_50_000_characters_is_shown_whole_within_its_card(page: Page, site: str, traces: Path) -> None:
    text = shown(page, traces, site, ["x" * 50_000])
    assert "x" * 50_000 in text
    card = page.locator(f"{RIGHT} .card").first
    box, lane = card.bounding_box(), page.locator(RIGHT).bounding_box()
    assert box is not None
    assert lane is not None
    assert box["width"] <= lane["width"]
    assert box["height"] < 800


def test_mathematics_is_rendered_and_broken_latex_stays_text(page: Page, site: str, traces: Path) -> None:
    steps = [
        r"Half: $\frac{82}{2} = 41$ and \(x^2\).",
        r"\[ \sum_{i=1}^{3} i = 6 \]",
        r"Broken: $\frac{1$.",
        "It costs $5 and $10.",
    ]
    text = shown(page, traces, site, steps)
    lane = page.locator(f"{RIGHT} .cards")
    expect(lane.locator("math mfrac").first).to_be_attached()
    expect(lane.locator("math[display=block] munderover, math[display=block] msubsup").first).to_be_attached()
    assert r"$\frac{1$" in text
    assert re.search(r"It costs \$5 and \$10\.", text)


def test_simple_markdown_is_shown_as_such(page: Page, site: str, traces: Path) -> None:
    shown(page, traces, site, ["## Plan\n- **first** thing\n- `code`\n1. one", "```python\nprint('<b>')\n```"])
    lane = page.locator(f"{RIGHT} .cards")
    expect(lane.locator(".heading")).to_have_text("Plan")
    expect(lane.locator(".item")).to_have_count(3)
    expect(lane.locator("strong")).to_have_text("first")
    expect(lane.locator("pre code")).to_have_text("print('<b>')")


def test_the_part_of_a_rejected_draft_that_differs_is_marked(page: Page, site: str, traces: Path) -> None:
    story = ScriptedStory(
        ["Of 87 seeds 5 do not sprout.\n\n", "So 82 plants grow.\n\n", "End."],
        ["Of 87 seeds 5 do not sprout.\n\n", "So 92 plants grow.\n\n", "End."],
    )
    record(traces, "marked1", story=story)
    visit(page, f"{site}/?race=marked1")
    settled(page)
    card = page.locator(f"{RIGHT} .card[data-kind=corrected]")
    expect(card.locator(".words").first).to_have_text("So 82 plants grow.")
    expect(card.locator(".rejected .words")).to_have_text("So 92 plants grow.")
    expect(card.locator(".rejected mark")).to_have_text("92")
