"""Servers on demand: not started with the fleet, but with the first run that needs them, once for all who ask."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from lr_demo.config import LlamaCppServer
from lr_demo.errors import ServingError
from lr_demo.serving import fleet as fleets
from lr_demo.serving import models
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.sources import Source
from lr_demo.serving.status import ServerState, ServerStatus
from tests.serving.processes_of import alive
from tests.serving.small_models import CONTENT, ScriptedSource, small_entry
from tests.serving.stub_fleet import Engine, Watched, profile, starts, up


def draft(watched: Watched) -> ServerStatus:
    return next(status for status in watched.fleet.statuses() if status.name == "draft")


def test_a_server_on_demand_is_not_started_with_the_fleet(tmp_path: Path, engine: Engine) -> None:
    async def look(watched: Watched) -> None:
        assert (draft(watched).state, draft(watched).detail) == (
            ServerState.WAITING,
            "starts with the first run that needs it",
        )
        with pytest.raises(ServingError, match=r"the server draft is not ready: waiting\. starts with the first run"):
            watched.fleet.endpoint("draft")
        await watched.fleet.ensure(["target"])

    up(tmp_path, engine("serve"), look, draft=engine("serve", "draft", on_demand=True))
    assert starts(tmp_path, "draft") == 0


def test_all_who_ask_for_it_share_one_start_and_one_who_leaves_does_not_end_it(tmp_path: Path, engine: Engine) -> None:
    async def ask(watched: Watched) -> None:
        leaving = asyncio.create_task(watched.fleet.ensure(["draft"]))
        staying = [asyncio.create_task(watched.fleet.ensure(["target", "draft", "draft"])) for _ in range(3)]
        await watched.until(lambda: draft(watched).state is ServerState.LOADING)
        leaving.cancel()
        await asyncio.gather(*staying)
        assert draft(watched).state is ServerState.READY
        assert watched.fleet.endpoint("draft").base_url != watched.fleet.endpoint("target").base_url
        await watched.fleet.ensure(["draft"])

    up(tmp_path, engine("serve"), ask, draft=engine("serve", "draft", on_demand=True))
    assert starts(tmp_path, "draft") == 1


def test_one_that_does_not_come_up_tells_why_and_is_tried_again_when_asked_again(
    tmp_path: Path, engine: Engine
) -> None:
    async def ask_twice(watched: Watched) -> None:
        with pytest.raises(
            ServingError, match=r"the server draft died: there is not enough memory(.|\n)*The whole log"
        ):
            await watched.fleet.ensure(["draft"])
        assert "there is not enough memory" in (watched.fleet.given_up("draft") or "")
        assert watched.fleet.given_up("target") is None
        await watched.fleet.ensure(["draft"])
        assert draft(watched).state is ServerState.READY

    up(tmp_path, engine("serve"), ask_twice, draft=engine("die,serve", "draft", on_demand=True))
    assert starts(tmp_path, "draft") == 2


def test_stopping_the_fleet_ends_a_start_that_somebody_waits_for(tmp_path: Path, engine: Engine) -> None:
    async def stop_meanwhile(watched: Watched) -> None:
        asking = asyncio.create_task(watched.fleet.ensure(["draft"]))
        await watched.until(lambda: (draft(watched).progress or 0) > 0.1)
        below = watched.processes()
        await watched.fleet.stop()
        with pytest.raises(ServingError, match="was stopped while it came up"):
            await asking
        assert not alive(below)
        with pytest.raises(ServingError, match="the fleet of profile test is not up"):
            await watched.fleet.restart("extra")
        for again in (watched.fleet.restart("target"), watched.fleet.ensure(["draft"])):
            with pytest.raises(ServingError, match="its fleet was stopped"):
                await again

    demanded, extra = engine("hang", "draft", on_demand=True), engine("serve", on_demand=True)
    up(tmp_path, engine("serve"), stop_meanwhile, draft=demanded, extra=extra)


def test_its_weights_are_fetched_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(small_entry(), name="small")
    monkeypatch.setattr(fleets, "CATALOGUE", {entry.name: entry})
    monkeypatch.setattr(models, "CATALOGUE", {entry.name: entry})
    source = ScriptedSource()
    sources: tuple[Source, ...] = (source,)
    server = LlamaCppServer(engine="llama.cpp", model="small", on_demand=True)
    fleet = Fleet(profile(server), cache=tmp_path / "cache", sources=sources)

    async def scenario() -> None:
        await fleet.start()
        assert source.asked == 0
        with pytest.raises(ServingError, match="the server target died: the model file is damaged"):
            await fleet.ensure(["target"])  # what the test gives for weights is no model
        assert source.asked == 1
        await fleet.stop()

    asyncio.run(scenario())
    assert (tmp_path / "cache" / "weights" / "small" / "model.gguf").read_bytes() == CONTENT
