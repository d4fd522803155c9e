"""Servers that die, hang or are restarted by hand: the fleet brings them back, or says why not and goes on."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from lr_demo import limits
from lr_demo.config import EndpointServer, load_profile
from lr_demo.errors import ServingError
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.status import ServerState
from tests.serving.processes_of import alive, gone_within
from tests.serving.stub_fleet import Engine, Watched, starts, up

QUICK = {
    "HEALTH_PERIOD_S": 0.1,
    "HEALTH_NOTICE_S": 0.3,
    "HEALTH_LIMIT_S": 30.0,
    "QUIET_S": 0.3,
    "FIRST_RESTART_PAUSE_S": 0.02,
}


@pytest.fixture(autouse=True)
def _quick_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in QUICK.items():
        monkeypatch.setattr(limits, name, seconds)


async def nothing(watched: Watched) -> None:
    pass


def told(watched: Watched) -> str:
    return " | ".join(detail for _, _, detail in watched.shown)


@pytest.mark.parametrize("behaviour", ["freeze", "deadlock"])
def test_a_server_that_hangs_is_found_and_started_again_at_the_same_address(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, behaviour: str
) -> None:
    monkeypatch.setattr(limits, "HEALTH_LIMIT_S", 1.5)

    async def wait_until_it_is_back(watched: Watched) -> None:
        address = watched.fleet.endpoint("target").base_url
        await watched.until(lambda: watched.times(ServerState.READY) == 2)
        assert watched.fleet.endpoint("target").base_url == address
        assert watched.fleet.given_up("target") is None

    watched = up(tmp_path, engine(f"{behaviour},serve"), wait_until_it_is_back)
    assert starts(tmp_path) == 2
    assert "no sign of life for 0.3 s; it is started again when that lasts 1.5 s" in told(watched)
    assert "it died: it hung, without a sign of life for 1.5 s; it is started again in 0.02 s" in told(watched)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that loads is found to hang within a second; one that comes up computes meanwhile."""
    monkeypatch.setattr(limits, "LOADING_SILENCE_S", 1.0)
    monkeypatch.setattr(limits, "LOADING_CPU_S", 0.01)


HUNG = "it hung while it was loading, without a line in its log and without processor time for 1 s; it was reading its"


@pytest.mark.usefixtures("impatient")
def test_a_server_that_hangs_while_it_loads_is_started_again(tmp_path: Path, engine: Engine) -> None:
    processes: list[list[int]] = []

    async def look(watched: Watched) -> None:
        processes.append(watched.processes())

    watched = up(tmp_path, engine("hang,serve"), look)
    assert starts(tmp_path) == 2
    assert len(processes[0]) == 2, "one server below its supervisor: nothing is left of the one that hung"
    (said,) = (detail for _, _, detail in watched.shown if detail.startswith(HUNG))
    assert "it is started again in 0.02 s. Its last lines:\n  INFO version 0.32.0\n  Loading safetensors" in said
    assert f"starting again: {HUNG}" in told(watched)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_always_hangs_while_it_loads_is_given_up_with_its_last_lines(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RESTARTS", 1)
    monkeypatch.setattr(limits, "RESTART_WINDOW_S", 0.1)  # it was never ready: what was long ago counts all the same
    with pytest.raises(ServingError) as caught:
        up(tmp_path, engine("hang"), nothing)
    message = str(caught.value)
    assert message.startswith(f"the server target was started 2 times and did not come up: {HUNG}")
    assert "  Loading safetensors checkpoint shards:  50% Completed | 1/2\n" in message
    assert "checkpoint shards" in Path(message.rpartition("The whole log is ")[2]).read_text()
    assert starts(tmp_path) == 2


@pytest.mark.usefixtures("impatient")
def test_a_server_that_hangs_when_it_comes_back_is_started_once_more(tmp_path: Path, engine: Engine) -> None:
    async def wait_until_it_is_back(watched: Watched) -> None:
        await watched.until(lambda: watched.times(ServerState.READY) == 2)

    watched = up(tmp_path, engine("die_after_ready,hang,serve"), wait_until_it_is_back)
    assert starts(tmp_path) == 3
    assert HUNG in told(watched)


def test_a_server_that_is_slow_to_answer_and_computes_is_left_alone(tmp_path: Path, engine: Engine) -> None:
    late = "no sign of life for 0.3 s; it is started again when that lasts 30 s"

    async def watch_three_late_answers(watched: Watched) -> None:
        def answered_late() -> int:
            details = [detail for _, _, detail in watched.shown]
            return sum(b.startswith("serving at") for a, b in pairwise(details) if a == late)

        await watched.until(lambda: answered_late() == 3)

    up(tmp_path, engine("busy"), watch_three_late_answers)
    assert starts(tmp_path) == 1


def test_a_server_that_was_given_up_says_why_and_the_others_go_on(tmp_path: Path, engine: Engine) -> None:
    async def wait_until_it_is_given_up(watched: Watched) -> None:
        await watched.until(lambda: watched.fleet.given_up("target") is not None)
        assert "it died 4 times within 10 minutes: it ended with status 1" in (watched.fleet.given_up("target") or "")
        assert watched.fleet.given_up("draft") is None
        assert [status.state for status in watched.fleet.statuses()] == [ServerState.FAILED, ServerState.READY]

    up(tmp_path, engine("die_after_ready"), wait_until_it_is_given_up, draft=engine("serve", "draft"))
    assert starts(tmp_path, "draft") == 1


def test_a_restart_brings_back_what_was_given_up(tmp_path: Path, engine: Engine) -> None:
    async def restart_it(watched: Watched) -> None:
        await watched.until(lambda: watched.fleet.given_up("target") is not None)
        address = watched.fleet.endpoint("target").base_url
        await watched.fleet.restart("target")
        assert watched.shown[-1][0] is ServerState.READY
        assert watched.fleet.given_up("target") is None
        assert watched.fleet.endpoint("target").base_url == address

    up(tmp_path, engine("die_after_ready," * 4 + "serve"), restart_it)
    assert starts(tmp_path) == 5


def test_a_restart_ends_the_old_processes_and_tells_what_it_does(tmp_path: Path, engine: Engine) -> None:
    async def restart_it(watched: Watched) -> None:
        before, address = watched.processes(), watched.fleet.endpoint("target").base_url
        shown = len(watched.shown)
        await watched.fleet.restart("target")
        assert not alive(before)
        assert watched.fleet.endpoint("target").base_url == address
        states = [state for state, _, _ in watched.shown[shown:]]
        assert states[0] is ServerState.LOADING
        assert states[-1] is ServerState.READY

    up(tmp_path, engine("serve"), restart_it)
    assert starts(tmp_path) == 2


def test_a_restart_that_fails_tells_why_and_the_next_one_may_succeed(tmp_path: Path, engine: Engine) -> None:
    async def restart_it_twice(watched: Watched) -> None:
        with pytest.raises(ServingError, match="the server target died: there is not enough memory"):
            await watched.fleet.restart("target")
        await watched.fleet.restart("target")
        assert watched.shown[-1][0] is ServerState.READY

    up(tmp_path, engine("serve,die,serve"), restart_it_twice)
    assert starts(tmp_path) == 3


def test_restarts_at_the_same_time_all_wait_for_the_server(tmp_path: Path, engine: Engine) -> None:
    async def restart_it(watched: Watched) -> None:
        cancelled = asyncio.create_task(watched.fleet.restart("target"))
        others = [asyncio.create_task(watched.fleet.restart("target")) for _ in range(3)]
        await asyncio.sleep(0.05)
        cancelled.cancel()
        await asyncio.gather(*others)
        assert watched.shown[-1][0] is ServerState.READY

    up(tmp_path, engine("serve"), restart_it)


def test_only_servers_of_ours_are_restarted(tmp_path: Path, engine: Engine) -> None:
    async def try_others(watched: Watched) -> None:
        address = watched.fleet.endpoint("target").base_url
        remote = load_profile("simulated").model_copy(
            update={"servers": {"far": EndpointServer(engine="endpoint", model="m", base_url=address)}}
        )
        second = Fleet(remote, cache=tmp_path / "second")
        with pytest.raises(ServingError, match="has no server 'nobody'"):
            await watched.fleet.restart("nobody")
        with pytest.raises(ServingError, match="the server far is not one that this program starts"):
            await second.restart("far")

    up(tmp_path, engine("serve"), try_others)


def test_stopping_ends_a_server_whose_supervisor_is_stopped_too(tmp_path: Path, engine: Engine) -> None:
    async def stop_all_its_processes(watched: Watched) -> None:
        below = watched.processes()
        for pid in below:
            os.kill(pid, signal.SIGSTOP)
        ends = time.monotonic() + 5
        await watched.fleet.stop()
        assert gone_within(ends - time.monotonic(), below)  # killed they are at once, and gone in a moment
        assert time.monotonic() < ends

    up(tmp_path, engine("serve"), stop_all_its_processes)


APPLICATION = """
import asyncio, signal, sys
from pathlib import Path
import pytest
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal: a shell's background jobs ignore it
from tests.serving.conftest import stub_engine
from tests.serving.stub_fleet import Watched, profile
with pytest.MonkeyPatch.context() as patch:
    folder = Path(sys.argv[1])
    servers = stub_engine(folder, patch)
    {run}
"""
FLEET = """
    async def main():
        watched = Watched(profile(servers(sys.argv[2]), draft=servers("hang", "draft")), folder / "cache")
        start = asyncio.create_task(watched.fleet.start())
        await watched.until(lambda: all(s.log is not None for s in watched.fleet.statuses()))
        print("up", flush=True)
        await start
    asyncio.run(main())
"""
COMMAND_LINE = """
    from lr_demo.cli import main, options
    options.load_profile = lambda name: profile(servers(sys.argv[2]), draft=servers("hang", "draft"))
    sys.exit(main(["run", "--profile", "test", "--prompt", "How many?", "--mode", "autoregressive"]))
"""


def application(tmp_path: Path, run: str) -> "subprocess.Popen[str]":
    script = APPLICATION.format(run=run.strip())
    return subprocess.Popen(
        [sys.executable, "-u", "-c", script, str(tmp_path), "hang"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LOOKAHEAD_LIVE_HOME": str(tmp_path / "home"), "LOOKAHEAD_LIVE_CACHE": str(tmp_path / "c")},
    )


def servers_of(program: "subprocess.Popen[str]", line: str) -> list[int]:
    """Process ids of both servers and their supervisors, once the program has printed a line and all are there."""
    assert program.stdout is not None
    assert any(printed == line for printed in program.stdout), "the program ended before"
    while len(below := psutil.Process(program.pid).children(recursive=True)) < 4:
        assert program.poll() is None
        time.sleep(0.05)
    return [process.pid for process in below]


def test_killing_the_application_leaves_no_server(tmp_path: Path) -> None:
    with application(tmp_path, FLEET) as program:
        servers = servers_of(program, "up\n")
        program.kill()
    assert gone_within(5, servers)


def test_an_interrupt_while_servers_load_ends_everything_within_five_seconds(tmp_path: Path) -> None:
    with application(tmp_path, COMMAND_LINE) as program:
        servers = servers_of(program, "draft: starting\n")
        assert program.stdout is not None
        program.send_signal(signal.SIGINT)
        begun = time.monotonic()
        output = program.stdout.read()
        assert program.wait(10) == 130, output
        assert time.monotonic() - begun < 5
    assert not alive(servers)
    assert "Traceback" not in output
