"""Lookahead reasoning over replicas, on a real server under two addresses."""

import asyncio
from dataclasses import replace

import pytest

from lr_demo.config import EndpointServer, Mode, Profile, RoleMap, RunSettings, VerifierKind
from lr_demo.decoding.engine import decode
from lr_demo.events import Event
from lr_demo.run_state import fold
from lr_demo.runs.roles import Casting
from lr_demo.serving.endpoint import Endpoint

PROMPT = "Count from one to five, a number a line."


@pytest.mark.llamacpp
def test_lookahead_over_replicas_writes_what_plain_decoding_writes(llamacpp_endpoint: Endpoint) -> None:
    addresses = (llamacpp_endpoint.base_url, llamacpp_endpoint.base_url.replace("127.0.0.1", "localhost"))
    endpoint = replace(llamacpp_endpoint, base_url=addresses[0], replicas=addresses[1:])
    server = EndpointServer(engine="endpoint", model=endpoint.model, base_url=list(addresses), dialect="llama.cpp")
    roles = RoleMap(target="target", draft="target")
    profile = Profile(name="t", description="t", servers={"target": server}, roles=roles)

    async def answer(mode: Mode) -> str:
        settings = RunSettings(
            mode=mode, verifier=VerifierKind.EXACT, temperature=0, max_tokens=64, step_cap=24, lookahead=2
        )
        casting = Casting(profile, lambda name: endpoint, lambda name: None, lambda: None)
        events: list[Event] = []
        try:
            await decode(PROMPT, settings, casting.cast(settings), events.append, "Be brief.")
        finally:
            await casting.close()
        return fold(events).text()

    assert asyncio.run(answer(Mode.LOOKAHEAD)) == asyncio.run(answer(Mode.AUTOREGRESSIVE)) != ""
