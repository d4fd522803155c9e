"""Concurrent runs share the servers with one another and with nothing that is measured."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lr_demo.config import Mode, Profile, RunSettings
from lr_demo.errors import UserError
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunPhase
from tests.runs.simulated_profile import quick_profile, slow_profile
from tests.runs.watching import until_running, wait

pytestmark = pytest.mark.realtime
LOOKAHEAD = RunSettings(mode=Mode.LOOKAHEAD, lookahead=3)
PLAIN = RunSettings(mode=Mode.AUTOREGRESSIVE)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))


def opened(profile: Profile, tmp_path: Path) -> RunManager:
    return RunManager(profile, tmp_path / "traces", hardware="a test machine")


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[RunManager]:
    with opened(slow_profile(), tmp_path) as manager:
        yield manager


def test_concurrent_runs_are_under_way_at_the_same_time_and_each_is_stopped_by_itself(slow: RunManager) -> None:
    races = [slow.start_concurrent(f"problem {number}", plan) for number, plan in enumerate([LOOKAHEAD, PLAIN])]
    for race in races:
        until_running(race.run)
    slow.stop(races[0].id)
    assert wait(races[0].run) is RunPhase.STOPPED
    assert races[1].run.phase is RunPhase.RUNNING


def test_a_run_that_is_measured_has_the_servers_to_itself(slow: RunManager) -> None:
    beside = slow.start_concurrent("two and two", PLAIN)
    measured = slow.start("three and three", LOOKAHEAD, baseline=False)
    after = slow.start_concurrent("four and four", PLAIN)
    until_running(beside.run)
    assert [race.run.phase for race in (measured, after)] == [RunPhase.QUEUED] * 2
    slow.stop(beside.id)
    until_running(measured.run)
    assert beside.run.phase is RunPhase.STOPPED
    assert after.run.phase is RunPhase.QUEUED
    slow.stop(measured.id)
    until_running(after.run)


def test_a_concurrent_run_is_no_baseline_and_says_so(tmp_path: Path) -> None:
    with opened(quick_profile(), tmp_path) as manager:
        races = [manager.start_concurrent("two and two", PLAIN) for _ in range(12)]
        assert [wait(race.run) for race in races] == [RunPhase.FINISHED] * 12
        started = races[0].run.started
        assert started is not None
        assert started.concurrent
        assert manager.find_baseline("two and two", LOOKAHEAD) is None


def test_closing_and_switching_end_concurrent_runs_with_the_reason(tmp_path: Path) -> None:
    with opened(slow_profile(), tmp_path) as manager:
        races = [manager.start_concurrent(f"problem {number}", LOOKAHEAD) for number in range(3)]
        until_running(races[0].run)
        manager.switch_profile(quick_profile())
        assert [wait(race.run) for race in races] == [RunPhase.STOPPED] * 3
        assert "switched from profile simulated-slow" in races[0].summary().reason
        last = manager.start_concurrent("once more", LOOKAHEAD)
        assert wait(last.run) is RunPhase.FINISHED
    with opened(slow_profile(), tmp_path) as manager:
        left = [manager.start_concurrent(f"problem {number}", LOOKAHEAD) for number in range(3)]
    assert [race.run.phase for race in left] == [RunPhase.STOPPED] * 3


def test_what_cannot_run_is_not_started_beside_others_either(tmp_path: Path) -> None:
    with opened(quick_profile(), tmp_path) as manager:
        with pytest.raises(UserError, match="speculative_target"):
            manager.start_concurrent("two and two", RunSettings(mode=Mode.SPECULATIVE))
        assert manager.races() == []
