"""An endpoint with several addresses: every one is checked, those that answer are used, and a run spreads over them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lr_demo.config import EndpointServer, Mode, Profile, RoleMap, RunSettings
from lr_demo.errors import ServingError
from lr_demo.runs.roles import Casting
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.status import ServerState
from tests.models.stub_server import Answer, Body, StubServer, stub_server
from tests.serving.small_models import NOWHERE

NOBODY = "http://127.0.0.1:9/v1"


def completion(body: Body) -> Answer:
    return Answer({"choices": [{"text": " 2"}]})


def tokens(body: Body) -> Answer:
    return Answer({"tokens": [1, 2, 3], "count": 3, "max_model_len": 100})


def address(stub: StubServer) -> str:
    return stub.endpoint("vllm").base_url


@asynccontextmanager
async def connected(addresses: list[str], cache: Path) -> AsyncIterator[tuple[Profile, Fleet]]:
    """A fleet of one server with these addresses, up."""
    server = EndpointServer(engine="endpoint", model="stub", base_url=addresses)
    profile = Profile(name="t", description="t", servers={"target": server}, roles=RoleMap(target="target"))
    fleet = Fleet(profile, cache=cache, sources=(NOWHERE,))
    await fleet.start()
    try:
        yield profile, fleet
    finally:
        await fleet.stop()


def test_every_address_is_asked_for_a_token_and_used_by_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        routes = {"/v1/completions": completion, "/tokenize": tokens}
        async with (
            stub_server(routes) as first,
            stub_server(routes) as second,
            connected([address(first), address(second)], tmp_path) as (profile, fleet),
        ):
            assert len(first.bodies("/v1/completions")) == len(second.bodies("/v1/completions")) == 1
            assert fleet.statuses()[0].detail == f"serving at {address(first)} and {address(second)}"
            casting = Casting(profile, fleet.endpoint, fleet.given_up, fleet.embedder_folder)
            target = casting.cast(RunSettings(mode=Mode.AUTOREGRESSIVE)).target
            await asyncio.gather(*(target.encode(f"text {number}") for number in range(4)))
            assert len(first.bodies("/tokenize")) == len(second.bodies("/tokenize")) == 2
            await casting.close()

    asyncio.run(scenario())


def test_an_address_that_does_not_answer_is_left_out_and_said(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            stub_server({"/v1/completions": completion}) as stub,
            connected([NOBODY, address(stub)], tmp_path) as (_, fleet),
        ):
            endpoint, status = fleet.endpoint("target"), fleet.statuses()[0]
            assert (endpoint.base_url, endpoint.replicas) == (address(stub), ())
            assert status.state is ServerState.READY
            assert f"left out until the next start: stub does not answer at {NOBODY}" in status.detail
            gone, there = status.addresses
            assert gone.address == NOBODY
            assert f"stub does not answer at {NOBODY}" in (gone.problem or "")
            assert (there.address, there.problem) == (address(stub), None)

    asyncio.run(scenario())


def test_where_none_answers_each_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with connected([NOBODY, "http://127.0.0.1:10/v1"], tmp_path):
            raise AssertionError("it should not have come up")

    with pytest.raises(ServingError, match=r"at http://127\.0\.0\.1:9/v1 .*; stub .* at http://127\.0\.0\.1:10/v1"):
        asyncio.run(scenario())
