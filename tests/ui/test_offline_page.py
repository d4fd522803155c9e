"""A race saved as one HTML file: what is in it, and that it is nothing but itself. Browser tests open it."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from lr_demo.errors import UserError
from lr_demo.models.story import ScriptedStory
from lr_demo.runs.export_form import ExportForm
from lr_demo.runs.log import EventLog
from lr_demo.runs.race import Race, RunHandle
from lr_demo.runs.recorded import open_race, open_run
from lr_demo.runs.traces import TraceStore
from lr_demo.ui.exports import export_race
from lr_demo.ui.latex_in_text import latex_in
from lr_demo.ui.offline_page import offline_page
from tests.runs.events_of_a_run import started
from tests.ui.recorded import LOOKAHEAD, record, record_race

HOSTILE = "</script><img src=x onerror=\"window.hacked='img'\"><!-- <script>window.hacked=1</script>"


def race_of(folder: Path, run: str) -> Race:
    store = TraceStore(folder)
    return open_race(lambda name: open_run(store, name), run)


def data_in(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="ll-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_both_runs_of_a_race_are_in_the_page_event_for_event(tmp_path: Path) -> None:
    events = record_race(tmp_path, "whole1")
    data = data_in(offline_page(race_of(tmp_path, "whole1")))
    assert data["runs"]["whole1"]["events"] == [e.model_dump(mode="json", exclude_none=True) for e in events]
    assert data["runs"]["whole1"]["status"] == "finished"
    assert data["runs"]["whole1b"]["events"][0]["mode"] == "autoregressive"
    assert data["routes"]["races/whole1"]["recorded"]
    assert "γ 3" in data["routes"]["races/whole1"]["labels"]


def test_the_same_events_give_the_same_page(tmp_path: Path) -> None:
    record_race(tmp_path, "same1")
    assert offline_page(race_of(tmp_path, "same1")) == offline_page(race_of(tmp_path, "same1"))


def test_hostile_text_cannot_leave_its_block(tmp_path: Path) -> None:
    story = ScriptedStory([f"{HOSTILE}\n\n", "End."], [f"{HOSTILE}\n\n", "End."])
    record(tmp_path, "hostile1", story=story, prompt=HOSTILE)
    page = offline_page(race_of(tmp_path, "hostile1"))
    assert "<img" not in page
    assert page.lower().count("</script>") == page.lower().count("<script") == 3
    assert data_in(page)["runs"]["hostile1"]["events"][0]["prompt"] == HOSTILE
    title = re.search(r"<title>(.*?)</title>", page)
    assert title is not None
    assert html.unescape(title[1]).startswith(HOSTILE[:40])


def test_the_policy_names_every_script_and_allows_no_connection(tmp_path: Path) -> None:
    record_race(tmp_path, "policy1")
    page = offline_page(race_of(tmp_path, "policy1"))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    scripts = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    assert len(scripts) == 1
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[1]
    assert "connect-src" not in policy[1]
    sources = re.search(r"script-src ([^;]*);", policy[1])
    assert sources is not None
    assert all(source.startswith("'sha256-") for source in sources[1].split())
    outside = page.replace(scripts[0], "")
    assert not re.search(r'(?:src|href)="|url\(|@import', re.sub(r'<script type="application.*?</script>', "", outside))


def test_mathematics_is_rendered_beforehand(tmp_path: Path) -> None:
    steps = [
        r"Half: $\frac{82}{2} = 41$.",
        r"\[ \sum_{i=1}^{3} i = 6 \]",
        r"\boxed{\frac{1}{2}}",
        "It costs $5 and $10.",
    ]
    texts = [*(f"{step}\n\n" for step in steps), "End."]
    record(tmp_path, "math1", story=ScriptedStory(texts, texts))
    trees = data_in(offline_page(race_of(tmp_path, "math1")))["math"]
    assert trees[r"i\frac{82}{2} = 41"][0] == "math"
    assert trees[r"d \sum_{i=1}^{3} i = 6 "][0] == "math"
    assert r"i\boxed{\frac{1}{2}}" in trees


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"a \(x^2\) b", {("x^2", False)}),
        ("$$\na + b\n$$", {("\na + b\n", True)}),
        ("$5 and $x$", {("x", False)}),
        ("pay $5 and then some$x$", {("x", False)}),
        (r"\boxed{a{b}\}c} and \boxed{open", {(r"\boxed{a{b}\}c}", False)}),
        ("\\begin{aligned}\na &= b\n\\end{aligned}\nrest", {("\\begin{aligned}\na &= b\n\\end{aligned}", True)}),
        ("no mathematics", set()),
    ],
)
def test_what_the_page_would_show_as_mathematics_is_found(text: str, expected: set[tuple[str, bool]]) -> None:
    assert expected <= set(latex_in(text))


def test_hostile_delimiters_cost_little() -> None:
    assert len(list(latex_in("$ " + "`" * 500 + "$$" * 5000))) < 20_000


def test_a_run_that_has_not_ended_cannot_be_saved() -> None:
    log = EventLog("going1")
    log.append(started())
    run = RunHandle("going1", "1 + 2?", LOOKAHEAD, log)
    race = Race(run, None, ((run,),))
    for form in ExportForm:
        with pytest.raises(UserError, match="going1 has not ended"):
            export_race(race, form)
