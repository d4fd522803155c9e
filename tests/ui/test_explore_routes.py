"""The Explore page's routes: history, comparison, sweeps, links, and the import of a trace."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from lr_demo.config import Profile, RunSettings, VerifierKind, load_profile
from lr_demo.errors import ConfigError
from lr_demo.models.story import ScriptedStory
from lr_demo.run_state import fold
from lr_demo.runs.manager import RunManager
from lr_demo.runs.summary import summarize
from lr_demo.ui.examples import EXAMPLES
from lr_demo.ui.explore_views import expected_answer
from lr_demo.ui.share import LONGEST_LINK, read_link, settings_link
from tests.runs.simulated_profile import quick_profile
from tests.ui.recorded import LOOKAHEAD, PROMPT, record, record_race
from tests.ui.site import serving

Json = dict[str, Any]
TARGET = ["Six beds.\n\n", "So 84 plants.\n\n", "The end."]
DRAFT = ["Six  beds.\n\n", "That makes 84.\n\n", "The end."]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return quick_profile()


@pytest.fixture(scope="module")
def recorded(traces: Path) -> list[str]:
    """Ids of runs in the store: one with its baseline, one more."""
    record_race(traces, "race1", ScriptedStory(TARGET, DRAFT))
    deeper = LOOKAHEAD.model_copy(update={"lookahead": 5, "seed": 7})
    record(traces, "deep1", story=ScriptedStory(TARGET, DRAFT), settings=deeper)
    return ["race1", "race1b", "deep1"]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("theirs")
    record(folder, "theirs1", prompt="Their <b>problem</b>", simulated=False)
    return (folder / "theirs1.jsonl").read_bytes()


def stream(url: str) -> list[Json]:
    """The states of a sweep, to its end."""
    answer = httpx.get(url, timeout=60)
    assert answer.status_code == 200
    lines = answer.text.replace("\r\n", "\n").split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith('data: {"id"')]


def test_the_history_tells_runs_with_their_figures(site: str, recorded: list[str], traces: Path) -> None:
    found = httpx.get(f"{site}/explore/runs", params={"words": "SEEDLINGS"}).json()
    assert {run["id"] for run in found["runs"]} == set(recorded)
    (race,) = (run for run in found["runs"] if run["id"] == "race1")
    summary = summarize(*(fold(RunManager(quick_profile(), traces).store.load(run).events()) for run in recorded[:2]))
    assert race["tokens_per_s"] == pytest.approx(summary.tokens_per_s)
    assert race["speedup"] == pytest.approx(summary.speedup)
    assert race["acceptance"] == summary.acceptance_rate
    assert (race["origin"], race["status"], race["hardware"]) == ("simulated", "finished", "a test machine")
    assert httpx.get(f"{site}/explore/runs", params={"words": "no such words"}).json()["runs"] == []


@pytest.mark.parametrize(
    "wrong", [{"status": "lost"}, {"offset": -1}, {"origin": "x"}, {"more": 1}, {"words": "x" * 201}]
)
def test_a_search_that_makes_no_sense_is_refused(site: str, wrong: dict[str, str | int]) -> None:
    assert httpx.get(f"{site}/explore/runs", params=wrong).status_code == 422


def test_runs_are_compared_in_the_order_asked_for(site: str, recorded: list[str]) -> None:
    told = httpx.get(f"{site}/explore/compare", params={"runs": "race1b,race1,deep1,race1"}).json()
    assert [run["id"] for run in told["runs"]] == ["race1b", "race1", "deep1"]
    assert [run["name"] for run in told["runs"]] == ["AR · seed 0", "LR · γ 3 · seed 0", "LR · γ 5 · seed 7"]
    assert told["runs"][1]["summary"]["speedup"] is not None
    settings = {row["name"]: (row["values"], row["differs"]) for row in told["settings"]}
    assert settings["γ"] == (["–", "3", "5"], True)
    assert settings["seed"] == (["0", "0", "7"], True)
    assert settings["prompt"] == ([PROMPT] * 3, False)
    assert [step["relation"] for step in told["steps"][1]] == [None, "same meaning", "same meaning"]


@pytest.mark.parametrize(
    ("runs", "status", "said"),
    [
        ("race1", 422, "1 runs were chosen: 2 to 6 can be compared"),
        (",".join(f"run{n}" for n in range(7)), 422, "7 runs were chosen"),
        ("race1,gone1", 404, "there is no trace"),
        ("race1,..%2f..", 404, "is no run id"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_said(
    site: str, recorded: list[str], runs: str, status: int, said: str
) -> None:
    answer = httpx.get(f"{site}/explore/compare", params={"runs": runs})
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True)


def test_a_trace_is_imported_and_marked_as_recorded(site: str, theirs: bytes) -> None:
    answer = httpx.post(f"{site}/explore/import", content=theirs)
    assert (answer.status_code, answer.json()["run"], answer.json()["known"]) == (201, "theirs1", False)
    (run,) = httpx.get(f"{site}/explore/runs", params={"words": "their"}).json()["runs"]
    assert (run["origin"], run["imported"], run["prompt"]) == ("recorded", True, "Their <b>problem</b>")
    labels = httpx.get(f"{site}/races/theirs1").json()["labels"]
    assert "imported: recorded 2026-11-21 on a test machine" in labels
    assert httpx.post(f"{site}/explore/import", content=theirs).json()["known"]


def test_a_broken_trace_is_refused_with_its_line(site: str, theirs: bytes) -> None:
    answer = httpx.post(f"{site}/explore/import", content=theirs.replace(b'"seq":4,', b'"seq":9,'))
    assert answer.status_code == 422
    assert "line 5: event 9 where 4 should be" in answer.json()["detail"]


def test_a_file_that_is_too_large_is_refused_before_it_is_read_whole(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lr_demo.ui.explore_routes.MOST_BYTES", 1000)
    answer = httpx.post(f"{site}/explore/import", content=b"x" * 5000)
    assert (answer.status_code, "too large" in answer.json()["detail"]) == (413, True)


@pytest.mark.parametrize("path", ["import", "sweeps", "sweeps/abcd/stop"])
def test_another_site_cannot_have_a_visitor_act(site: str, path: str) -> None:
    answer = httpx.post(f"{site}/explore/{path}", json={}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


def test_links_to_a_run_and_to_its_settings(site: str, recorded: list[str], profile: Profile) -> None:
    links = httpx.get(f"{site}/explore/runs/deep1/share").json()
    assert links["run"] == "?race=deep1"
    query = parse_qs(links["settings"].removeprefix("?"))
    wish = read_link(query["settings"][0], query["prompt"][0], profile)
    assert (wish.prompt, wish.settings) == (PROMPT, LOOKAHEAD.model_copy(update={"lookahead": 5, "seed": 7}))
    assert httpx.get(f"{site}/explore/runs/gone1/share").status_code == 404


def test_a_prompt_too_long_for_a_link_is_said() -> None:
    with pytest.raises(ConfigError, match="too long for a link"):
        settings_link("x" * LONGEST_LINK, RunSettings())


def test_a_link_without_settings_leaves_the_profile_s() -> None:
    profile = load_profile("simulated")
    wish = read_link(None, " How many? ", profile)
    assert (wish.settings, wish.prompt) == (profile.defaults, "How many?")
    greedy = profile.model_copy(update={"defaults": RunSettings(temperature=0.5)})
    assert read_link('{"temperature":null}', None, greedy).settings.temperature is None
    assert read_link('{"seed":3}', None, greedy).settings.temperature == 0.5


@pytest.mark.parametrize(
    ("settings", "prompt", "said"),
    [
        ('{"mode":', None, "cannot be read: it was cut or changed"),
        ("[1]", None, "are no settings"),
        ('{"magic":1}', None, "settings that there are not here: magic"),
        ('{"lookahead":99}', None, "lookahead = 99"),
        ('{"mode":"speculative"}', None, "it lacks a target server with token-level speculation"),
        ("{}", "x" * 50_001, "50,001 characters"),
        ("{}", "\ud800", "not valid Unicode"),
    ],
)
def test_a_link_that_cannot_be_followed_says_why(
    profile: Profile, settings: str, prompt: str | None, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        read_link(settings, prompt, profile)


def test_a_sweep_starts_from_the_profile_or_from_a_run(site: str, recorded: list[str]) -> None:
    form = httpx.get(f"{site}/explore/sweep-form").json()
    assert (form["prompt"], form["source"]) == (EXAMPLES[0].prompt, "the defaults of profile simulated-quick")
    form = httpx.get(f"{site}/explore/sweep-form", params={"source": "deep1"}).json()
    assert (form["prompt"], form["source"], form["mode"]) == (PROMPT, "run deep1", "lookahead")
    assert "γ 5" in form["labels"]
    assert httpx.get(f"{site}/explore/sweep-form", params={"source": "gone1"}).status_code == 404


@pytest.mark.realtime
def test_a_sweep_runs_its_values_and_keeps_its_figures(site: str, manager: RunManager) -> None:
    wish = {
        "prompt": "two?",
        "mode": "lookahead",
        "max_tokens": 200,
        "setting": "verifier",
        "values": ["judge", "random"],
    }
    begun = httpx.post(f"{site}/explore/sweeps", json=wish)
    assert begun.status_code == 202
    sweep = begun.json()["id"]
    last = stream(f"{site}/explore/sweeps/{sweep}/events")[-1]
    assert (last["ended"], last["setting"], last["simulated"]) == ("finished", "verifier", True)
    assert [point["label"] for point in last["points"]] == ["LLM judge", "random"]
    for point, kind in zip(last["points"], (VerifierKind.JUDGE, VerifierKind.RANDOM), strict=True):
        (only,) = point["runs"]
        race = manager.race(only["run"])
        summary = race.summary()
        assert race.run.settings.verifier is kind
        figures = point["figures"]
        assert (only["phase"], figures["tokens_per_s"]["mean"]) == ("finished", summary.tokens_per_s)
        assert figures["baseline_tokens_per_s"]["mean"] == summary.baseline_tokens_per_s
        wasted = summary.wasted_draft_tokens + summary.wasted_target_tokens
        assert figures["waste"]["mean"] == pytest.approx(wasted / summary.output_tokens)
    assert not any(label.startswith("LLM") for label in last["labels"])
    assert [line["id"] for line in httpx.get(f"{site}/explore/sweeps").json()] == [sweep]


@pytest.mark.realtime
def test_repeated_runs_are_told_as_mean_and_spread(site: str, manager: RunManager) -> None:
    wish = {"prompt": "two?", "mode": "lookahead", "max_tokens": 200, "setting": "lookahead", "values": [1, 3]}
    begun = httpx.post(f"{site}/explore/sweeps", json={**wish, "repeats": 2}).json()
    assert (begun["values"], begun["repeats"]) == (["1", "3"], 2)
    last = stream(f"{site}/explore/sweeps/{begun['id']}/events")[-1]
    assert [point["label"] for point in last["points"]] == ["1", "3"]
    for point in last["points"]:
        assert [run["seed"] for run in point["runs"]] == [0, 1]
        speeds = [manager.race(run["run"]).summary().tokens_per_s or 0 for run in point["runs"]]
        spread = {"mean": pytest.approx(sum(speeds) / 2), "low": min(speeds), "high": max(speeds), "runs": 2}
        assert point["figures"]["tokens_per_s"] == spread


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"values": [1]}, 409, "1 values were given"),
        ({"repeats": 6}, 409, "a sweep makes 1 to 5"),
        ({"values": [1, 99]}, 409, "lookahead = 99"),
        ({"prompt": "  "}, 409, "the prompt is empty"),
        ({"mode": "autoregressive"}, 409, "lookahead changes nothing"),
        ({"source": "gone1"}, 404, "there is no trace"),
        ({"setting": "colour"}, 422, ""),
    ],
)
def test_a_sweep_that_cannot_be_run_is_refused(site: str, changed: Json, status: int, said: str) -> None:
    wish = {
        "prompt": "two?",
        "mode": "lookahead",
        "max_tokens": 200,
        "setting": "lookahead",
        "values": [1, 2],
        **changed,
    }
    answer = httpx.post(f"{site}/explore/sweeps", json=wish)
    assert answer.status_code == status
    assert said in str(answer.json()["detail"])


def test_an_unknown_sweep_is_not_found(site: str) -> None:
    assert httpx.get(f"{site}/explore/sweeps/nothere1/events").status_code == 404
    assert httpx.post(f"{site}/explore/sweeps/nothere1/stop", json={}).status_code == 404


def test_a_sweep_under_way_ends_with_the_application(tmp_path: Path) -> None:
    with RunManager(load_profile("simulated"), tmp_path, hardware="a test machine") as manager:
        with serving(manager) as site:
            wish = {"prompt": "two?", "mode": "lookahead", "max_tokens": 2000, "setting": "seed", "values": [1, 2]}
            sweep = httpx.post(f"{site}/explore/sweeps", json=wish).json()["id"]
        with serving(manager) as site:
            (last,) = stream(f"{site}/explore/sweeps/{sweep}/events")
    assert last["ended"] == "stopped"
    assert [point["runs"][0]["phase"] for point in last["points"]][1] == "left out"


def test_examples_with_one_number_as_answer_have_it() -> None:
    """Worked out by other means than those that wrote them down."""
    answers = {example.title: expected_answer(example.prompt) for example in EXAMPLES}
    assert answers["The allotment"] == str((6 * 14 - 9) * 2 // 3)
    assert answers["Lighthouses"] == str(sum(all(s % period == 0 for period in (12, 18, 30)) for s in range(3600)))
    (digits,) = (n for n in range(10, 100) if n == 4 * sum(divmod(n, 10)) and n % 10 - n // 10 == 3)
    assert answers["Digits"] == str(digits)
    tiles = (720 // 30) * (540 // 30)
    assert answers["The tiled hall"] == str(-(-tiles * 105 // (100 * 26)))
    assert expected_answer("What else?") is None
