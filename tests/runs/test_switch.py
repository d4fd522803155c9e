"""Switching the profile of a running application: runs are told, servers end, the next run has the others."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lr_demo.config import Mode, Profile, RunSettings, parse_profile
from lr_demo.errors import ConfigError, ServingError, UserError
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunPhase
from lr_demo.serving.fleet import Fleet
from tests.runs.simulated_profile import quick_profile, slow_profile
from tests.runs.watching import until_fleet, until_running, wait

pytestmark = pytest.mark.realtime
LOOKAHEAD = RunSettings(mode=Mode.LOOKAHEAD, lookahead=3)
SWITCHED = "the servers were switched from profile simulated-slow to simulated-quick"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[RunManager]:
    with RunManager(slow_profile(), tmp_path / "traces", hardware="a test machine") as manager:
        yield manager


def lone_profile() -> Profile:
    """A target and nothing else."""
    return parse_profile(
        """
name: simulated-lone
description: no model, one server
servers: {target: {engine: simulated, ms_per_token: 1.0}}
roles: {target: target}
""",
        "lone.yaml",
    )


def broken_profile() -> Profile:
    return parse_profile(
        """
name: broken
description: a model file that is not there
servers:
  target: {engine: llama.cpp, model: ./there-is-no-such-model.gguf}
roles: {target: target}
""",
        "broken.yaml",
    )


def test_runs_in_flight_and_queued_end_as_stopped_and_say_why(slow: RunManager) -> None:
    flying = slow.start("two and two", LOOKAHEAD)
    queued = slow.start("three and three", LOOKAHEAD)
    assert flying.baseline is not None
    assert queued.baseline is not None
    until_running(flying.baseline)
    slow.switch_profile(quick_profile())
    for handle in (*flying.handles, *queued.handles):
        assert wait(handle) is RunPhase.STOPPED
        assert handle.log.finished is not None
        assert handle.log.finished.reason == SWITCHED
        assert handle.started is not None
        assert handle.started.profile == "simulated-slow"


def test_the_next_run_has_the_other_profile_s_servers_and_none_of_the_baselines(slow: RunManager) -> None:
    slow.switch_profile(quick_profile())
    first = slow.start("two and two", LOOKAHEAD)
    assert wait(first.run) is RunPhase.FINISHED
    assert first.run.started is not None
    assert first.run.started.profile == slow.profile.name == "simulated-quick"
    slow.switch_profile(lone_profile())
    assert slow.find_baseline("two and two", LOOKAHEAD) is None
    slow.switch_profile(quick_profile())
    assert slow.find_baseline("two and two", LOOKAHEAD) is first.baseline


def test_a_run_started_while_the_old_servers_end_waits_for_the_new_ones(
    slow: RunManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    stop = Fleet.stop

    async def slow_stop(fleet: Fleet) -> None:
        await asyncio.to_thread(may_end.wait, 30)
        await stop(fleet)

    monkeypatch.setattr(Fleet, "stop", slow_stop)
    slow.switch_profile(quick_profile())
    race = slow.start("two and two", LOOKAHEAD, baseline=False)
    assert until_fleet(slow, lambda view: view.ending)[-1].profile.name == "simulated-slow"
    assert race.run.phase is RunPhase.QUEUED
    may_end.set()
    assert wait(race.run) is RunPhase.FINISHED
    assert race.run.started is not None
    assert race.run.started.profile == "simulated-quick"


def test_the_fleet_is_that_of_the_new_profile_and_ready(slow: RunManager) -> None:
    until_fleet(slow, lambda view: view.ready)
    slow.switch_profile(lone_profile())
    views = until_fleet(slow, lambda view: view.ready and len(view.servers) == 1)
    assert [server.name for server in views[-1].servers] == ["target"]
    assert not views[-1].ending


def test_what_the_new_profile_lacks_is_refused_at_once(slow: RunManager) -> None:
    slow.switch_profile(lone_profile())
    with pytest.raises(ConfigError, match="profile simulated-lone cannot run mode lookahead"):
        slow.start("two and two", LOOKAHEAD)


def test_of_several_switches_the_last_one_counts(slow: RunManager) -> None:
    slow.switch_profile(lone_profile())
    lost = slow.start("two and two", RunSettings(mode=Mode.AUTOREGRESSIVE))
    slow.switch_profile(quick_profile())
    race = slow.start("two and two", LOOKAHEAD)
    assert wait(race.run) is RunPhase.FINISHED
    assert wait(lost.run) in (RunPhase.STOPPED, RunPhase.FINISHED)
    assert [server.name for server in slow.fleet_statuses()] == ["target", "draft"]


def test_a_profile_whose_servers_do_not_come_up_can_be_left_again(slow: RunManager) -> None:
    slow.switch_profile(broken_profile())
    view = until_fleet(slow, lambda view: view.error is not None)[-1]
    assert "there-is-no-such-model.gguf" in (view.error or "")
    slow.switch_profile(quick_profile())
    assert until_fleet(slow, lambda view: view.ready)[-1].error is None
    assert wait(slow.start("two and two", LOOKAHEAD).run) is RunPhase.FINISHED


def test_servers_that_are_still_coming_up_are_left_too(slow: RunManager, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    start = Fleet.start

    async def hang(fleet: Fleet) -> None:
        if len(fleet.statuses()) > 1:
            return await start(fleet)
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    monkeypatch.setattr(Fleet, "start", hang)
    slow.switch_profile(lone_profile())
    until_fleet(slow, lambda view: len(view.servers) == 1)
    waiting = slow.start("two and two", RunSettings(mode=Mode.AUTOREGRESSIVE))
    slow.switch_profile(quick_profile())
    assert wait(waiting.run) is RunPhase.STOPPED
    assert ended.wait(30)
    assert wait(slow.start("two and two", LOOKAHEAD).run) is RunPhase.FINISHED


def test_nothing_of_the_old_profile_is_left(slow: RunManager, monkeypatch: pytest.MonkeyPatch) -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    stop = Fleet.stop

    async def note(fleet: Fleet) -> None:
        loops.append(asyncio.get_running_loop())
        await stop(fleet)

    async def tasks() -> list[str]:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        return sorted(task.get_coro().__qualname__ for task in left)  # type: ignore[union-attr]

    def tasks_after(*profiles: Profile) -> list[str]:
        for profile in profiles:
            slow.start("two and two", RunSettings(mode=Mode.AUTOREGRESSIVE))
            slow.switch_profile(profile)
        until_fleet(slow, lambda view: view.ready and view.profile is profiles[-1])
        return asyncio.run_coroutine_threadsafe(tasks(), loops[0]).result(30)

    monkeypatch.setattr(Fleet, "stop", note)
    once = tasks_after(quick_profile())
    assert once.count("EngineThread._work") == 1
    assert tasks_after(lone_profile(), quick_profile(), lone_profile(), quick_profile()) == once


def test_closing_in_the_middle_of_a_switch_ends_everything(tmp_path: Path) -> None:
    with RunManager(slow_profile(), tmp_path / "traces", hardware="a test machine") as manager:
        before = manager.start("two and two", LOOKAHEAD, baseline=False)
        until_running(before.run)
        manager.switch_profile(quick_profile())
        after = manager.start("two and two", LOOKAHEAD, baseline=False)
    assert (before.run.phase, after.run.phase) == (RunPhase.STOPPED, RunPhase.STOPPED)


class Restarts:
    """Stands in for the fleet's own restart: notes what is asked, and goes on when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.error: Exception | None = None

    async def restart(self, fleet: Fleet, name: str) -> None:
        self.asked.append(name)
        await asyncio.to_thread(self.go_on.wait, 30)
        if self.error is not None:
            raise self.error


@pytest.fixture
def restarts(monkeypatch: pytest.MonkeyPatch) -> Restarts:
    """Fleets come up at once, whatever their servers are, and can restart them."""
    restarts = Restarts()

    async def come_up(fleet: Fleet) -> None:
        pass

    async def restart(fleet: Fleet, name: str) -> None:
        await restarts.restart(fleet, name)

    monkeypatch.setattr(Fleet, "start", come_up)
    monkeypatch.setattr(Fleet, "restart", restart, raising=False)
    return restarts


def test_a_server_of_ours_is_restarted_once_however_often_it_is_asked(restarts: Restarts, tmp_path: Path) -> None:
    with RunManager(broken_profile(), tmp_path / "traces", hardware="a test machine") as manager:
        until_fleet(manager, lambda view: view.ready)
        for _ in range(3):
            manager.restart_server("target")
        restarts.go_on.set()
    assert restarts.asked == ["target"]


def test_a_restart_that_fails_leaves_the_engine_alive(restarts: Restarts, tmp_path: Path) -> None:
    restarts.go_on.set()
    restarts.error = ServingError("it does not come up")
    with RunManager(broken_profile(), tmp_path / "traces", hardware="a test machine") as manager:
        manager.restart_server("target")
        manager.switch_profile(quick_profile())
        assert wait(manager.start("two and two", LOOKAHEAD).run) is RunPhase.FINISHED


def test_a_switch_does_not_wait_for_a_restart(restarts: Restarts, tmp_path: Path) -> None:
    with RunManager(broken_profile(), tmp_path / "traces", hardware="a test machine") as manager:
        until_fleet(manager, lambda view: view.ready)
        manager.restart_server("target")
        manager.switch_profile(quick_profile())
        assert wait(manager.start("two and two", LOOKAHEAD).run) is RunPhase.FINISHED
        restarts.go_on.set()


def test_what_cannot_be_restarted_is_refused_in_a_sentence(slow: RunManager) -> None:
    with pytest.raises(UserError, match="has no server 'nobody'"):
        slow.restart_server("nobody")
    with pytest.raises(UserError, match="target was not started by this program"):
        slow.restart_server("target")


def test_the_roles_that_a_server_plays_in_the_run_under_way_are_known(slow: RunManager) -> None:
    assert slow.roles_in_use("target") == []
    race = slow.start("two and two", LOOKAHEAD, baseline=False)
    until_running(race.run)
    assert slow.roles_in_use("target") == ["target", "judge"]
    assert slow.roles_in_use("draft") == ["draft"]
    slow.stop(race.id)
    wait(race.run)
    assert slow.roles_in_use("target") == []
