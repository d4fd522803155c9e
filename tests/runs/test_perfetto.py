"""The Perfetto export: slices that nest on every track, counters that are the run's, text that stays whole."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from lr_demo.config import Mode, RunSettings, SimulatedSpeculation
from lr_demo.errors import TraceError
from lr_demo.events import (
    Event,
    PositionOpened,
    Role,
    RunFinished,
    RunStatus,
    StepDelta,
    StepStarted,
    Verdict,
    VerdictStarted,
)
from lr_demo.models.simulated import Failure
from lr_demo.models.story import SeededStory
from lr_demo.run_state import fold
from lr_demo.runs.perfetto import BATCH, PROCESSES, RUN_PROCESS, TOKENS, perfetto
from lr_demo.runs.traces import read_trace
from lr_demo.ui.lessons import FOLDER as LESSONS
from tests.decoding.scene import Scene
from tests.runs.events_of_a_run import finished, started
from tests.ui.recorded import LOOKAHEAD, record

Record = dict[str, Any]
STORY = SeededStory(steps=12, tokens_per_step=6)


def parts(events: list[Event], phase: str) -> list[Record]:
    return [entry for entry in json.loads(perfetto(events))["traceEvents"] if entry["ph"] == phase]


def check_form(text: str) -> None:
    """What the Trace Event Format asks of every entry, and that the slices of a track nest."""
    whole = json.loads(text)
    named = {(e["pid"], e.get("tid")) for e in whole["traceEvents"] if e["name"] in ("process_name", "thread_name")}
    tracks: dict[tuple[int, int], list[Record]] = defaultdict(list)
    for entry in whole["traceEvents"]:
        assert entry["ph"] in "XCiM"
        assert isinstance(entry["name"], str)
        assert isinstance(entry["pid"], int)
        assert isinstance(entry["args"], dict)
        if entry["ph"] == "M":
            continue
        assert isinstance(entry["ts"], int)
        assert entry["ts"] >= 0
        assert (entry["pid"], None) in named
        if entry["ph"] == "X":
            assert entry["dur"] >= 0
            assert (entry["pid"], entry["tid"]) in named
            tracks[entry["pid"], entry["tid"]].append(entry)
        elif entry["ph"] == "C":
            assert all(isinstance(value, int | float) for value in entry["args"].values())
        elif entry["ph"] == "i":
            assert entry["s"] in "gpt"
    for entries in tracks.values():
        ends: list[int] = []
        for entry in sorted(entries, key=lambda e: (e["ts"], -e["dur"])):
            while ends and ends[-1] <= entry["ts"]:
                ends.pop()
            assert not ends or entry["ts"] + entry["dur"] <= ends[-1], f"{entry['name']} overlaps the one before it"
            ends.append(entry["ts"] + entry["dur"])


@pytest.mark.parametrize("lesson", sorted(path.name for path in LESSONS.glob("*.jsonl")))
def test_the_slices_of_every_recorded_run_nest_on_their_tracks(lesson: str) -> None:
    check_form(perfetto(read_trace(LESSONS / lesson)))


@pytest.mark.parametrize(
    "changed",
    [{"width": 3, "lookahead": 5}, {"mode": Mode.AUTOREGRESSIVE}, {"mode": Mode.AUTO}, {"schedule": "sync"}],
)
def test_every_mode_gives_a_trace_that_is_well_formed(tmp_path: Path, changed: dict[str, object]) -> None:
    settings = RunSettings.model_validate({**LOOKAHEAD.model_dump(), **changed})
    events = record(tmp_path, "mode1", settings=settings, scene=Scene(story=STORY))
    check_form(perfetto(events))


def test_every_request_is_a_slice_with_its_times_and_what_became_of_it(tmp_path: Path) -> None:
    scene = Scene(story=STORY, speculation=SimulatedSpeculation(tokens=4, acceptance=0.6))
    settings = LOOKAHEAD.model_copy(update={"mode": Mode.LOOKAHEAD_SPECULATIVE})
    events = record(tmp_path, "slices1", scene=scene, settings=settings)
    state = fold(events)
    assert any(step.passes for step in state.steps.values())
    slices = [entry for entry in parts(events, "X") if entry["pid"] in (PROCESSES[Role.DRAFT], PROCESSES[Role.TARGET])]
    assert len(slices) == len(state.steps)
    role_of = {process: role for role, process in PROCESSES.items()}
    found = {
        (entry["args"]["position"], role_of[entry["pid"]], entry["args"]["alternative"]): entry for entry in slices
    }
    for key, step in state.steps.items():
        entry = found[key.position, key.role, key.alternative]
        assert entry["args"]["text"] == (step.text or "".join(step.pieces))
        assert entry["args"]["tokens"] == step.tokens
        assert entry["args"].get("tokens_by_pass", []) == step.passes
        assert entry["ts"] == round(step.started * 1e6)
    outcomes = {
        found[step.key.position, step.key.role, step.key.alternative]["args"]["outcome"] for step in state.answer
    }
    assert outcomes <= {"accepted", "correction", "target's own"}
    assert {"accepted", "correction"} <= outcomes
    assert sum(entry["args"]["outcome"] == "rejected" for entry in slices) > 0


def test_the_counters_are_the_batch_and_the_answer(tmp_path: Path) -> None:
    events = record(tmp_path, "counters1", scene=Scene(story=STORY))
    counters: dict[str, list[int]] = defaultdict(list)
    for entry in parts(events, "C"):
        counters[entry["name"]].append(entry["args"]["value"])
    assert counters[TOKENS][-1] == sum(step.tokens for step in fold(events).answer)
    assert counters[TOKENS] == sorted(counters[TOKENS])
    assert counters[BATCH][-1] == 0
    assert 1 < max(counters[BATCH]) <= LOOKAHEAD.parallel_budget


def timed(*events: tuple[float, Event]) -> list[Event]:
    for number, (seconds, event) in enumerate(events):
        event.stamp("small1", number, seconds)
    return [event for _, event in events]


def test_a_verdict_says_method_score_reason_and_both_of_its_times() -> None:
    events = timed(
        (0, started()),
        (0.5, PositionOpened(position=0, step=0)),
        (0.5, StepStarted(position=0, role=Role.DRAFT)),
        (1.0, VerdictStarted(position=0, method="judge")),
        (1.25, Verdict(position=0, accepted=False, method="judge", score=0.25, reason="6 ≠ 7", latency_s=0.2)),
        (2.0, finished()),
    )
    (verdict,) = [entry for entry in parts(events, "X") if entry["pid"] == PROCESSES[Role.JUDGE]]
    assert (verdict["ts"], verdict["dur"]) == (1_000_000, 250_000)
    assert verdict["args"]["outcome"] == "reject"
    assert verdict["args"]["score"] == 0.25
    assert verdict["args"]["reason"] == "6 ≠ 7"


def test_a_step_that_was_started_again_is_two_slices_on_one_track() -> None:
    events = timed(
        (0, started()),
        (0, PositionOpened(position=0, step=0)),
        (0.1, StepStarted(position=0, role=Role.TARGET)),
        (0.2, StepDelta(position=0, role=Role.TARGET, text="half", tokens=1)),
        (0.3, StepStarted(position=0, role=Role.TARGET)),
        (0.5, RunFinished(status=RunStatus.FAILED, reason="gone")),
    )
    first, second = (entry for entry in parts(events, "X") if entry["pid"] == PROCESSES[Role.TARGET])
    assert (first["args"]["outcome"], first["args"]["text"]) == ("failed, and was started again", "half")
    assert (second["ts"], second["dur"], second["args"]["outcome"]) == (300_000, 200_000, "open at the end")
    assert first["tid"] == second["tid"]


def test_roles_that_were_away_and_simulated_models_are_told(tmp_path: Path) -> None:
    scene = Scene(story=STORY, draft_failures=dict.fromkeys(range(1, 99), Failure()))
    events = record(tmp_path, "away1", scene=scene)
    assert any("draft is away" in entry["name"] for entry in parts(events, "i"))
    (process,) = [e for e in parts(events, "M") if e["name"] == "process_name" and e["pid"] == RUN_PROCESS]
    assert "simulated" in process["args"]["name"]
    assert json.loads(perfetto(events))["otherData"]["label"] == "simulated"


def test_a_run_without_a_start_is_refused() -> None:
    with pytest.raises(TraceError, match="no start"):
        perfetto([])


def test_what_a_model_wrote_stays_whole() -> None:
    hostile = 'a"b\\c\u2028</script>\u0000😀'
    events = timed(
        (0, started()),
        (0, PositionOpened(position=0, step=0)),
        (0, StepStarted(position=0, role=Role.TARGET)),
        (0, StepDelta(position=0, role=Role.TARGET, text=hostile, tokens=1)),
        (1, finished()),
    )
    (piece,) = [entry for entry in parts(events, "X") if entry["pid"] == PROCESSES[Role.TARGET]]
    assert piece["args"]["text"] == hostile
