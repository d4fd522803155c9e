"""A fleet comes up whole or not at all, says how far it is, and keeps its servers alive within limits."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lr_demo import limits
from lr_demo.config import EndpointServer, LlamaCppServer, load_profile
from lr_demo.errors import ServingError, WeightsError
from lr_demo.serving import fleet as fleets
from lr_demo.serving.fleet import EMBEDDER, Fleet
from lr_demo.serving.status import ServerState
from tests.serving.processes_of import gone_within
from tests.serving.small_models import CONTENT, NOWHERE, ScriptedSource, small_entry
from tests.serving.stub_fleet import STARTS, Engine, Watched, processes_below, profile, starts, up


async def nothing(watched: Watched) -> None:
    pass


def test_a_server_is_ready_when_a_completion_came_back(tmp_path: Path, engine: Engine) -> None:
    async def check(watched: Watched) -> None:
        endpoint = watched.fleet.endpoint("target")
        assert endpoint.dialect == "vllm"
        assert endpoint.base_url.startswith("http://127.0.0.1:")
        (status,) = watched.fleet.statuses()
        assert (status.state, status.progress, status.roles) == (ServerState.READY, 1.0, ("target", "judge"))
        assert status.log is not None
        assert "Application startup complete" in status.log.read_text()

    watched = up(tmp_path, engine("serve"), check)
    loading = [(share, sentence) for state, share, sentence in watched.shown if state is ServerState.LOADING]
    assert loading == [
        (0.0, "starting"),
        (0.2, "starting the engine"),
        (pytest.approx(0.61), "reading the weights"),
        (0.97, "opening the server"),
        (0.98, "asking it for a first token"),
    ]
    assert [status.state for status in watched.fleet.statuses()] == [ServerState.STOPPED]
    with pytest.raises(ServingError, match="the server target is not ready: stopped"):
        watched.fleet.endpoint("target")


def test_a_port_in_use_is_tried_elsewhere(tmp_path: Path, engine: Engine) -> None:
    up(tmp_path, engine("port_in_use,port_in_use,serve"), nothing)
    assert starts(tmp_path) == 3


def test_ports_in_use_everywhere_are_said(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(ServingError, match="the server target died: its port is in use by another program"):
        up(tmp_path, engine("port_in_use"), nothing)
    assert starts(tmp_path) == 3


def test_a_server_that_dies_while_loading_tells_why(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(ServingError) as caught:
        up(tmp_path, engine("die"), nothing)
    message = str(caught.value)
    assert message.startswith("the server target died: there is not enough memory: close other programs")
    assert "  RuntimeError: [enforce fail] DefaultCPUAllocator: not enough memory: out of memory\n" in message
    log = Path(message.rpartition("The whole log is ")[2])
    assert "checkpoint shards" in log.read_text()


def test_a_server_that_serves_but_does_not_complete_is_no_server(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(ServingError, match="answers HTTP 500"):
        up(tmp_path, engine("refuse"), nothing)


def test_a_server_that_died_is_started_again_at_the_same_address(tmp_path: Path, engine: Engine) -> None:
    async def wait_until_it_is_back(watched: Watched) -> None:
        address = watched.fleet.endpoint("target").base_url
        await watched.until(lambda: watched.times(ServerState.READY) == 2)
        assert watched.fleet.endpoint("target").base_url == address

    up(tmp_path, engine("die_after_ready,serve"), wait_until_it_is_back)
    assert starts(tmp_path) == 2


def test_a_server_that_keeps_dying_is_given_up(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIRST_RESTART_PAUSE_S", 0.02)

    async def wait_until_it_is_given_up(watched: Watched) -> None:
        await watched.until(lambda: watched.shown[-1][0] is ServerState.FAILED)

    watched = up(tmp_path, engine("die_after_ready"), wait_until_it_is_given_up)
    assert starts(tmp_path) == 1 + limits.RESTARTS
    (status,) = watched.fleet.statuses()
    assert status.state is ServerState.FAILED
    assert status.detail.startswith(f"it died {1 + limits.RESTARTS} times within 10 minutes: it ended with status 1")


def test_stopping_while_it_loads_ends_everything_within_five_seconds(tmp_path: Path, engine: Engine) -> None:
    watched = Watched(profile(engine("hang")), tmp_path / "cache")

    async def scenario() -> tuple[float, list[int]]:
        others = processes_below()  # servers that other tests share
        task = asyncio.create_task(watched.fleet.start())
        await watched.until_loading()
        below = sorted(processes_below() - others)
        begun = time.monotonic()
        await watched.fleet.stop()
        with pytest.raises(ServingError, match="was stopped while it came up"):
            await task
        return time.monotonic() - begun, below

    took, below = asyncio.run(scenario())
    assert took < 5
    assert below
    assert gone_within(0, below)


def test_cancelling_the_start_ends_everything(tmp_path: Path, engine: Engine) -> None:
    watched = Watched(profile(engine("hang")), tmp_path / "cache")

    async def scenario() -> list[int]:
        others = processes_below()  # servers that other tests share
        task = asyncio.create_task(watched.fleet.start())
        await watched.until_loading()
        below = sorted(processes_below() - others)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        return below

    below = asyncio.run(scenario())
    assert below
    assert gone_within(0, below)


def test_a_model_that_is_not_there_fails_before_any_server_starts(tmp_path: Path, engine: Engine) -> None:
    missing = LlamaCppServer(engine="llama.cpp", model=str(tmp_path / "missing.gguf"))
    with pytest.raises(WeightsError, match=r"there is no model .*missing\.gguf.*qwen2\.5-coder-1\.5b"):
        up(tmp_path, engine("serve"), nothing, draft=missing)
    assert not (tmp_path / STARTS).exists()


def test_weights_that_are_not_to_be_had_fail_before_any_server_starts(tmp_path: Path, engine: Engine) -> None:
    draft = LlamaCppServer(engine="llama.cpp", model="qwen2.5-coder-0.5b")
    with pytest.raises(WeightsError, match=r"Qwen2\.5-Coder-0\.5B-Instruct could not be fetched"):
        up(tmp_path, engine("serve"), nothing, draft=draft)
    assert not (tmp_path / STARTS).exists()


def test_a_file_that_is_no_model_is_refused_by_kind(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    server = LlamaCppServer(engine="llama.cpp", model=str(tmp_path / "notes.txt"))
    with pytest.raises(WeightsError, match=r"llama\.cpp cannot read the model .*: it takes a \.gguf file"):
        up(tmp_path, server, nothing)


def test_an_endpoint_that_does_not_answer_is_named(tmp_path: Path) -> None:
    server = EndpointServer(engine="endpoint", model="m", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ServingError, match=r"m does not answer at http://127\.0\.0\.1:9/v1"):
        up(tmp_path, server, nothing)


def test_an_endpoint_whose_key_is_not_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    server = EndpointServer(engine="endpoint", model="m", base_url="http://127.0.0.1:9/v1", api_key_env="NO_SUCH_KEY")
    with pytest.raises(ServingError, match="set the environment variable NO_SUCH_KEY"):
        up(tmp_path, server, nothing)


def test_an_endpoint_that_runs_already_is_only_asked(tmp_path: Path, engine: Engine) -> None:
    async def use_it_from_a_second_fleet(watched: Watched) -> None:
        address = watched.fleet.endpoint("target").base_url
        server = EndpointServer(engine="endpoint", model="m", base_url=address, family="qwen2.5", tokenizer="t")
        second = Fleet(profile(server), cache=tmp_path / "second", sources=(NOWHERE,))
        await second.start()
        endpoint = second.endpoint("target")
        assert (endpoint.base_url, endpoint.vocabulary, endpoint.family) == (address, "t", "qwen2.5")
        await second.stop()
        assert (await asyncio.to_thread(lambda: starts(tmp_path))) == 1

    up(tmp_path, engine("serve"), use_it_from_a_second_fleet)


def test_the_weights_of_an_embedding_model_are_fetched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(small_entry(), kind="embedder", name="all-minilm-l6-v2")
    monkeypatch.setattr(fleets, "CATALOGUE", {entry.name: entry})
    with_embedder = load_profile("simulated").model_copy(update={"embedder": entry.name})
    fleet = Fleet(with_embedder, cache=tmp_path, sources=(ScriptedSource(),))
    assert fleet.embedder_folder() is None

    async def scenario() -> None:
        await fleet.start()
        folder = fleet.embedder_folder()
        assert folder is not None
        assert (folder / "model.gguf").stat().st_size == len(CONTENT)
        assert fleet.statuses()[-1].name == EMBEDDER
        await fleet.stop()

    asyncio.run(scenario())


def test_simulated_servers_are_ready_at_once_and_have_no_endpoint(tmp_path: Path) -> None:
    fleet = Fleet(load_profile("simulated"), cache=tmp_path / "cache")
    assert {status.state for status in fleet.statuses()} == {ServerState.READY}

    async def scenario() -> None:
        await fleet.start()
        with pytest.raises(ServingError, match="the server target is not ready"):
            fleet.endpoint("target")
        await fleet.stop()

    asyncio.run(scenario())
    assert not (tmp_path / "cache").exists()


def test_a_server_the_profile_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="profile simulated has no server 'scorer'"):
        Fleet(load_profile("simulated"), cache=tmp_path).endpoint("scorer")
