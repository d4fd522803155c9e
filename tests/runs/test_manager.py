"""Runs as the application has them: races, recorded baselines, stopping, failing; on simulated models in real time."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from lr_demo.config import Mode, Profile, RunSettings, VerifierKind, parse_profile
from lr_demo.errors import ConfigError, ServingError, UserError
from lr_demo.events import RunStarted, TokenSpeculation
from lr_demo.models.simulated import SimulatedModel
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunPhase
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.status import ServerState
from tests.runs.simulated_profile import TEXT, quick_profile, replicated_profile, slow_profile
from tests.runs.watching import until_running, wait

pytestmark = pytest.mark.realtime
LOOKAHEAD = RunSettings(mode=Mode.LOOKAHEAD, lookahead=3)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))


def opened(profile: Profile, tmp_path: Path) -> RunManager:
    return RunManager(profile, tmp_path / "traces", hardware="a test machine")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    with opened(quick_profile(), tmp_path) as manager:
        yield manager


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[RunManager]:
    with opened(replicated_profile(), tmp_path) as manager:
        yield manager


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[RunManager]:
    with opened(slow_profile(), tmp_path) as manager:
        yield manager


def test_a_race_measures_the_baseline_first_and_then_the_run(manager: RunManager) -> None:
    race = manager.start("  two and two  ", LOOKAHEAD)
    assert race.baseline is not None
    assert not race.baseline_cached
    assert wait(race.run) is RunPhase.FINISHED
    assert race.baseline.phase is RunPhase.FINISHED
    started = race.run.started
    assert isinstance(started, RunStarted)
    assert (started.prompt, started.baseline, started.hardware) == ("two and two", race.baseline.id, "a test machine")
    assert race.baseline.started is not None
    assert race.baseline.started.mode == Mode.AUTOREGRESSIVE
    summary = race.summary()
    assert summary.output_tokens > 40
    assert summary.speedup == pytest.approx((summary.tokens_per_s or 0) / (summary.baseline_tokens_per_s or 1))
    assert summary.simulated
    assert manager.store.load(race.id).events() == race.run.log.events()


@pytest.mark.parametrize("mode", [Mode.SPECULATIVE, Mode.LOOKAHEAD_SPECULATIVE])
def test_on_servers_of_their_own_a_run_and_its_baseline_are_measured_at_the_same_time(
    replicas: RunManager, mode: Mode
) -> None:
    race = replicas.start("two and two", LOOKAHEAD.model_copy(update={"mode": mode}))
    assert race.at_once
    assert race.baseline is not None
    assert wait(race.run) is RunPhase.FINISHED
    assert wait(race.baseline) is RunPhase.FINISHED
    begun, baseline = race.run.started, race.baseline.started
    assert begun is not None
    assert baseline is not None
    assert (begun.baseline, begun.at_once) == (race.baseline.id, True)
    assert begun.servers["target"] == "speculative"
    assert baseline.servers == {"target": "target"}
    assert (bool(begun.speculation), baseline.speculation) == (True, "")
    assert race.summary().speedup is not None
    again = replicas.start("two and two", LOOKAHEAD.model_copy(update={"mode": mode, "lookahead": 2}))
    assert (again.baseline, again.baseline_cached, again.at_once) == (race.baseline, True, False)
    measured_again = replicas.start("two and two", LOOKAHEAD.model_copy(update={"mode": mode}), remeasure=True)
    assert measured_again.at_once


def test_a_race_at_once_is_told_from_one_after_the_other_by_its_trace(tmp_path: Path) -> None:
    with opened(replicated_profile(), tmp_path) as replicas:
        at_once = replicas.start("two and two", RunSettings(mode=Mode.SPECULATIVE))
        in_turn = replicas.start("three and three", LOOKAHEAD)
        wait(in_turn.run)
    with opened(replicated_profile(), tmp_path) as later:
        assert later.race(at_once.id).at_once
        assert later.race(at_once.id).baseline is not None
        assert not later.race(in_turn.id).at_once


RIVALS = (Mode.SPECULATIVE, Mode.LOOKAHEAD)


def test_a_race_of_four_lanes_measures_each_as_a_run_of_its_own_and_its_link_opens_all(tmp_path: Path) -> None:
    with opened(replicated_profile(), tmp_path) as manager:
        settings = LOOKAHEAD.model_copy(update={"mode": Mode.LOOKAHEAD_SPECULATIVE})
        race = manager.start("two and two", settings, rivals=RIVALS, expected=" 4 ")
        assert [wait(handle) for handle in race.handles] == [RunPhase.FINISHED] * 4
        turns = [[handle.settings.mode for handle in turn] for turn in race.turns]
        assert turns == [[Mode.AUTOREGRESSIVE, Mode.SPECULATIVE], [Mode.LOOKAHEAD], [Mode.LOOKAHEAD_SPECULATIVE]]
        assert race.over
        starts = {handle.settings.mode: handle.started for handle in race.handles}
        assert [started.at_once for started in starts.values() if started] == [True, True, False, False]
        for handle in race.rivals:
            assert handle.started is not None
            assert race.baseline is not None
            assert handle.started.baseline == race.baseline.id
            assert manager.store.load(handle.id).events() == handle.log.events()
            assert manager.race(handle.id).run is handle
        assert race.run.started is not None
        assert race.run.started.devices == ["simulated draft", "simulated judge", "simulated speculative"]
    with opened(replicated_profile(), tmp_path) as later:
        found = later.race(race.id)
        assert [[handle.id for handle in turn] for turn in found.turns] == [[h.id for h in turn] for turn in race.turns]
        assert [handle.id for handle in found.handles] == [handle.id for handle in race.handles]
        assert (found.expected, found.baseline_cached) == ("4", False)
        assert race.rivals[0].trace is not None
        race.rivals[0].trace.unlink()
        assert [handle.id for handle in later.race(race.id).rivals] == [race.rivals[1].id]


def test_any_two_modes_race_without_a_baseline(manager: RunManager) -> None:
    race = manager.start("two and two", LOOKAHEAD, baseline=False, rivals=[Mode.SPECREASON])
    assert wait(race.run) is RunPhase.FINISHED
    assert (race.baseline, len(race.turns), race.rivals[0].settings.effective_threshold) == (None, 2, 7.0)


def test_stopping_a_race_stops_every_lane_and_a_rival_s_id_that_one_alone(slow: RunManager) -> None:
    race = slow.start("two and two", LOOKAHEAD, baseline=False, rivals=[Mode.SPECREASON, Mode.AUTOREGRESSIVE])
    until_running(race.rivals[0])
    slow.stop(race.rivals[0].id)
    assert wait(race.rivals[0]) is RunPhase.STOPPED
    until_running(race.rivals[1])
    slow.stop(race.id)
    assert [wait(handle) for handle in race.handles] == [RunPhase.STOPPED] * 3
    started = race.run.started
    assert started is not None
    assert started.turns == [[handle.id] for handle in race.handles]


@pytest.mark.parametrize(
    ("rivals", "expected", "complaint"),
    [
        (
            [Mode.SPECREASON, Mode.AUTO, Mode.SPECULATIVE, Mode.LOOKAHEAD_SPECULATIVE],
            "",
            "at most 4 lanes, these are 6",
        ),
        ([Mode.LOOKAHEAD], "", "a mode races once"),
        ([Mode.AUTOREGRESSIVE], "", "a mode races once"),
        ([Mode.SPECULATIVE], "", "speculative_target"),
        ([], "x" * 201, "expected answer has 201 characters"),
    ],
)
def test_a_race_that_cannot_be_is_refused_in_a_sentence(
    manager: RunManager, rivals: list[Mode], expected: str, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        manager.start("two and two", LOOKAHEAD, rivals=rivals, expected=expected)
    assert manager.races() == []


def test_stopping_the_baseline_of_a_race_at_once_leaves_the_run(tmp_path: Path) -> None:
    with opened(replicated_profile(ms_per_token=200), tmp_path) as slow:
        race = slow.start("two and two", RunSettings(mode=Mode.SPECULATIVE))
        assert race.baseline is not None
        until_running(race.baseline)
        until_running(race.run)
        slow.stop(race.baseline.id)
        assert wait(race.baseline) is RunPhase.STOPPED
        assert race.run.phase is RunPhase.RUNNING
        slow.stop(race.id)
        assert wait(race.run) is RunPhase.STOPPED


def test_what_was_speculated_is_in_trace_and_summary(replicas: RunManager) -> None:
    race = replicas.start("two and two", RunSettings(mode=Mode.SPECULATIVE), baseline=False)
    wait(race.run)
    figures = race.summary().speculation
    assert figures is not None
    assert 0 < figures.accepted_tokens < figures.proposed_tokens
    assert figures.acceptance_rate == figures.accepted_tokens / figures.proposed_tokens
    assert figures.mean_accepted_length == 1 + figures.accepted_tokens / figures.drafts
    finished = replicas.store.load(race.id).finished
    assert finished is not None
    assert finished.speculation is not None
    assert finished.speculation.drafts == figures.drafts
    plain = replicas.start("two and two", RunSettings(mode=Mode.AUTOREGRESSIVE))
    wait(plain.run)
    assert plain.summary().speculation is None


def test_reading_what_was_speculated_is_no_part_of_the_run_s_time(
    replicas: RunManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = [], []

    async def slowly(model: SimulatedModel) -> TokenSpeculation:
        clock = asyncio.get_running_loop().time
        asked.append(clock())
        await asyncio.sleep(0.3)
        answered.append(clock())
        return TokenSpeculation(drafts=0, proposed_tokens=0, accepted_tokens=0)

    monkeypatch.setattr(SimulatedModel, "count", slowly)
    race = replicas.start("two and two", RunSettings(mode=Mode.SPECULATIVE), baseline=False)
    wait(race.run)
    assert 0 < race.summary().wall_s <= asked[1] - answered[0]


def test_a_run_that_is_stopped_while_its_counters_are_read_ends_all_the_same(
    replicas: RunManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    async def hangs_at_the_end(model: SimulatedModel) -> TokenSpeculation:
        reads.append(model)
        if len(reads) > 1:
            await asyncio.get_running_loop().create_future()
        return TokenSpeculation(drafts=0, proposed_tokens=0, accepted_tokens=0)

    monkeypatch.setattr(SimulatedModel, "count", hangs_at_the_end)
    race = replicas.start("two and two", RunSettings(mode=Mode.SPECULATIVE), baseline=False)
    while len(reads) < 2:
        time.sleep(0.01)
    replicas.stop(race.id)
    assert wait(race.run) is RunPhase.FINISHED
    assert race.summary().speculation is None


def test_runs_take_turns_in_the_order_they_were_started(manager: RunManager) -> None:
    races = [manager.start(f"problem {number}", LOOKAHEAD) for number in range(3)]
    assert races[2].run.phase is RunPhase.QUEUED
    wait(races[2].run)
    handles = [handle for race in races for handle in (race.baseline, race.run) if handle is not None]
    assert [handle.phase for handle in handles] == [RunPhase.FINISHED] * 6
    assert [race.id for race in manager.races()] == [race.id for race in reversed(races)]


def test_a_baseline_is_measured_once_for_the_same_prompt_settings_and_servers(tmp_path: Path) -> None:
    with opened(quick_profile(), tmp_path) as manager:
        first = manager.start("two and two", LOOKAHEAD)
        wait(first.run)
        again = manager.start("two and two", LOOKAHEAD.model_copy(update={"lookahead": 5, "width": 2}))
        assert again.baseline is first.baseline
        assert again.baseline_cached
        wait(again.run)
        assert again.summary().speedup is not None
        for change in ({"seed": 1}, {"temperature": 0.0}, {"max_tokens": 99}):
            assert manager.find_baseline("two and two", LOOKAHEAD.model_copy(update=change)) is None
        assert manager.find_baseline("two and three", LOOKAHEAD) is None
        measured_again = manager.start("two and two", LOOKAHEAD, remeasure=True)
        assert not measured_again.baseline_cached
        wait(measured_again.run)
    with opened(quick_profile(), tmp_path) as later:
        recorded = later.start("two and two", LOOKAHEAD)
        assert recorded.baseline_cached
        assert recorded.baseline is not None
        assert recorded.baseline.recorded
        assert measured_again.baseline is not None
        assert recorded.baseline.log.events() == measured_again.baseline.log.events()
        wait(recorded.run)
        assert recorded.summary().baseline == measured_again.baseline.id
    other_servers = parse_profile(TEXT.replace("ms_per_token: 1.0", "ms_per_token: 2.0"), "other.yaml")
    with opened(other_servers, tmp_path) as other:
        assert other.find_baseline("two and two", LOOKAHEAD) is None
    elsewhere = RunManager(quick_profile(), tmp_path / "traces", hardware="another machine")
    assert elsewhere.find_baseline("two and two", LOOKAHEAD) is None


def test_an_autoregressive_run_is_a_baseline_and_has_none(manager: RunManager) -> None:
    race = manager.start("two and two", RunSettings(mode=Mode.AUTOREGRESSIVE))
    assert race.baseline is None
    wait(race.run)
    assert manager.find_baseline("two and two", LOOKAHEAD) is race.run
    assert race.summary().acceptance_rate is None


def test_without_a_baseline_there_is_no_speedup(manager: RunManager) -> None:
    race = manager.start("two and two", LOOKAHEAD, baseline=False)
    wait(race.run)
    assert race.baseline is None
    assert race.summary().speedup is None


def test_stopping_ends_the_run_at_once_and_the_next_one_begins(slow: RunManager) -> None:
    first = slow.start("two and two", LOOKAHEAD, baseline=False)
    second = slow.start("three and three", LOOKAHEAD, baseline=False)
    until_running(first.run)
    began = time.monotonic()
    slow.stop(first.id)
    assert wait(first.run) is RunPhase.STOPPED
    assert time.monotonic() - began < 2
    until_running(second.run)
    assert second.run.phase is RunPhase.RUNNING
    slow.stop(first.id)  # once more does no harm
    assert first.summary().reason == "stopped"


def test_stopping_a_race_stops_its_baseline_too_and_a_queued_run_ends_without_having_begun(slow: RunManager) -> None:
    race = slow.start("two and two", LOOKAHEAD)
    queued = slow.start("three and three", LOOKAHEAD)
    assert race.baseline is not None
    assert queued.baseline is not None
    until_running(race.baseline)
    slow.stop(queued.id)
    assert wait(queued.run) is RunPhase.STOPPED
    assert wait(queued.baseline) is RunPhase.STOPPED
    assert race.baseline.phase is RunPhase.RUNNING
    slow.stop(race.id)
    assert wait(race.run) is RunPhase.STOPPED
    assert wait(race.baseline) is RunPhase.STOPPED
    assert len(race.run.log) == 2
    assert slow.find_baseline("two and two", LOOKAHEAD) is None


def test_closing_ends_everything(tmp_path: Path) -> None:
    with opened(slow_profile(), tmp_path) as manager:
        races = [manager.start(f"problem {number}", LOOKAHEAD) for number in range(2)]
        assert races[0].baseline is not None
        until_running(races[0].baseline)
    for race in races:
        assert race.baseline is not None
        assert (race.baseline.phase, race.run.phase) == (RunPhase.STOPPED, RunPhase.STOPPED)


def test_a_mode_whose_servers_are_missing_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    text = TEXT.replace(", draft: draft, judge: target", "")
    with opened(parse_profile(text, "alone.yaml"), tmp_path) as manager:
        with pytest.raises(ConfigError, match=r"lacks a draft server \(roles.draft\).*modes autoregressive"):
            manager.start("two and two", LOOKAHEAD)
        with pytest.raises(ConfigError, match=r"roles\.speculative_target"):
            manager.start("two and two", RunSettings(mode=Mode.SPECULATIVE))
        with pytest.raises(ConfigError, match="prompt is empty"):
            manager.start("  \n ", LOOKAHEAD)
        assert manager.races() == []


def test_the_fleet_s_failure_fails_the_runs_that_wait_for_it(tmp_path: Path) -> None:
    text = """
name: broken
description: a model file that is not there
servers:
  target: {engine: llama.cpp, model: ./there-is-no-such-model.gguf}
roles: {target: target}
"""
    with opened(parse_profile(text, "broken.yaml"), tmp_path) as manager:
        race = manager.start("two and two", RunSettings(mode=Mode.AUTOREGRESSIVE))
        assert wait(race.run) is RunPhase.FAILED
        assert manager.fleet_error is not None
        assert "there-is-no-such-model.gguf" in manager.fleet_error
        assert race.summary().reason == manager.fleet_error


def test_an_error_nobody_expected_fails_the_run_in_a_sentence_and_leaves_its_traceback_in_the_log_file(
    manager: RunManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: object, **options: object) -> str:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("lr_demo.runs.engine_thread.decode", broken)
    race = manager.start("two and two", LOOKAHEAD, baseline=False)
    assert wait(race.run) is RunPhase.FAILED
    reason = race.summary().reason
    journal = tmp_path / "home" / "logs" / "lookahead-live.log"
    assert "ZeroDivisionError: of all things" in reason
    assert str(journal) in reason
    assert "Traceback" in journal.read_text()
    monkeypatch.undo()
    assert wait(manager.start("and again", LOOKAHEAD, baseline=False).run) is RunPhase.FINISHED


def test_runs_of_earlier_times_are_found_by_their_traces(tmp_path: Path) -> None:
    with opened(quick_profile(), tmp_path) as manager:
        race = manager.start("two and two", LOOKAHEAD)
        wait(race.run)
    with opened(quick_profile(), tmp_path) as later:
        found = later.race(race.id)
        assert found.run.recorded
        assert found.run.settings == LOOKAHEAD
        assert found.summary() == race.summary()
        later.stop(race.id)  # it has ended: nothing happens
        with pytest.raises(UserError, match="there is no trace"):
            later.get("nosuchrun")
        with pytest.raises(UserError, match="no run id"):
            later.get("../etc/passwd")


def test_a_recorded_run_outlives_the_trace_of_its_baseline(tmp_path: Path) -> None:
    with opened(quick_profile(), tmp_path) as manager:
        race = manager.start("two and two", LOOKAHEAD)
        wait(race.run)
        assert race.baseline is not None
        assert race.baseline.trace is not None
        race.baseline.trace.unlink()
    with opened(quick_profile(), tmp_path) as later:
        assert later.race(race.id).baseline is None


def test_the_oldest_races_are_left_to_their_traces(manager: RunManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lr_demo.runs.manager.RACES_KEPT", 2)
    races = []
    for number in range(4):
        races.append(manager.start(f"problem {number}", RunSettings(mode=Mode.AUTOREGRESSIVE)))
        wait(races[-1].run)
    assert [race.id for race in manager.races()] == [races[3].id, races[2].id]
    assert manager.get(races[0].id).recorded
    assert not manager.get(races[3].id).recorded


def test_the_fleet_can_be_followed_from_any_loop(manager: RunManager) -> None:
    async def first_ready() -> bool:
        async with asyncio.timeout(10):
            async for view in manager.follow_fleet():
                if view.ready:
                    return all(server.state is ServerState.READY for server in view.servers)
        return False

    assert asyncio.run(first_ready())
    assert [status.name for status in manager.fleet_statuses()] == ["target", "draft"]
    assert manager.fleet_error is None


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("verifier", list(VerifierKind))
def test_every_mode_and_verifier_runs_on_the_simulated_models(
    replicas: RunManager, mode: Mode, verifier: VerifierKind
) -> None:
    race = replicas.start("two and two", RunSettings(mode=mode, verifier=verifier), baseline=False)
    assert wait(race.run) is RunPhase.FINISHED, race.summary().reason
    assert race.summary().final_answer is not None


def test_a_run_waits_for_the_servers_it_needs_before_its_clock_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[set[str], int]] = []
    """Servers, and the length of the run's log at that moment."""

    async def ensure(fleet: Fleet, names: Iterable[str]) -> None:
        asked.append((set(names), len(engine.races()[0].run.log)))
        await asyncio.sleep(0.01)
        if len(asked) > 1:
            raise ServingError("the server draft died: there is not enough memory")

    monkeypatch.setattr(Fleet, "ensure", ensure)
    with opened(quick_profile(), tmp_path) as engine:
        race = engine.start("two and two", LOOKAHEAD, baseline=False)
        assert wait(race.run) is RunPhase.FINISHED
        race = engine.start("two and two", LOOKAHEAD, baseline=False)
        assert wait(race.run) is RunPhase.FAILED
    assert asked == [({"target", "draft"}, 0)] * 2
    assert race.run.log.finished is not None
    assert race.run.log.finished.reason == "the server draft died: there is not enough memory"
