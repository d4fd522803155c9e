"""Servers are asked for figures while somebody watches, and only then; on a server that runs already."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from lr_demo.errors import UserError
from lr_demo.runs.manager import RunManager
from lr_demo.serving.sampler import Telemetry
from tests.runs.simulated_profile import quick_profile
from tests.runs.stub_endpoint import StubEndpoint, stub_endpoint
from tests.runs.watching import until_fleet

pytestmark = pytest.mark.realtime


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("lr_demo.serving.sampler.INTERVAL_S", 0.05)


@pytest.fixture
def stub() -> Iterator[StubEndpoint]:
    with stub_endpoint() as stub:
        yield stub


@pytest.fixture
def manager(stub: StubEndpoint, tmp_path: Path) -> Iterator[RunManager]:
    with RunManager(stub.profile(), tmp_path / "traces", hardware="a test machine") as manager:
        until_fleet(manager, lambda view: view.ready)
        yield manager


async def until_paced(manager: RunManager) -> Telemetry:
    """What a viewer saw when a first speed was known."""
    async with asyncio.timeout(30):
        async for telemetry in manager.follow_telemetry():
            if telemetry.servers and telemetry.servers[0].pace and telemetry.servers[0].figures:
                return telemetry
    raise AssertionError("the telemetry ended")


def test_a_viewer_sees_the_figures(manager: RunManager) -> None:
    (server,) = asyncio.run(until_paced(manager)).servers
    assert server.figures is not None
    assert (server.name, server.problem) == ("target", None)
    assert (server.figures.running, server.figures.waiting, server.figures.kv_cache_usage) == (2, 1, 0.25)
    assert server.figures.cache.hit_rate == pytest.approx(0.64)
    assert server.figures.speculation.mean_accepted_length == pytest.approx(2.5)


def test_without_a_viewer_nothing_is_asked(manager: RunManager, stub: StubEndpoint) -> None:
    assert stub.asked == 0
    asyncio.run(until_paced(manager))

    async def settle() -> int:
        """A question may be under way when the last viewer goes."""
        await asyncio.sleep(0.3)
        return stub.asked

    asked = asyncio.run(settle())
    assert asyncio.run(settle()) == asked
    asyncio.run(until_paced(manager))
    assert stub.asked > asked


def test_many_viewers_cost_no_more_than_one(manager: RunManager, stub: StubEndpoint) -> None:
    async def watch() -> list[Telemetry]:
        return await asyncio.gather(*(until_paced(manager) for _ in range(20)))

    seen = asyncio.run(watch())
    assert len({telemetry.servers for telemetry in seen}) <= stub.asked < 20


def test_after_a_switch_the_other_profile_s_servers_are_watched(manager: RunManager) -> None:
    async def watch() -> None:
        async with asyncio.timeout(30):
            paced = False
            async for telemetry in manager.follow_telemetry():
                if telemetry.servers and telemetry.servers[0].pace and not paced:
                    paced = True
                    manager.switch_profile(quick_profile())
                elif paced and not telemetry.servers:
                    return

    asyncio.run(watch())


def test_viewers_are_let_go_when_the_manager_closes(stub: StubEndpoint, tmp_path: Path) -> None:
    manager = RunManager(stub.profile(), tmp_path / "traces", hardware="a test machine")
    manager.open()

    async def watch() -> int:
        seen = 0
        async with asyncio.timeout(30):
            closing: asyncio.Task[None] | None = None
            async for _ in manager.follow_telemetry():
                seen += 1
                closing = closing or asyncio.create_task(asyncio.to_thread(manager.close))
            assert closing is not None
            await closing
        return seen

    assert asyncio.run(watch()) >= 1


def test_a_server_that_runs_elsewhere_has_no_log_and_is_not_restarted(manager: RunManager) -> None:
    with pytest.raises(UserError, match="target has no log"):
        manager.server_log("target")
    with pytest.raises(UserError, match="has no server 'nobody'"):
        manager.follow_server_log("nobody")
    with pytest.raises(UserError, match="target was not started by this program"):
        manager.restart_server("target")
