"""Who plays in a run: clients that last from run to run, and follow their servers."""

import asyncio
from dataclasses import replace
from typing import cast

from lr_demo.config import Mode, RunSettings, load_profile
from lr_demo.models.openai_compatible import OpenAIModel
from lr_demo.runs.roles import Casting
from lr_demo.serving.endpoint import Endpoint

PLAIN = RunSettings(mode=Mode.AUTOREGRESSIVE)


def test_a_client_stays_until_its_server_comes_back_elsewhere() -> None:
    endpoints = {"target": Endpoint("http://127.0.0.1:1/v1", "llama.cpp", "m", "the model", "v", "qwen2.5")}
    casting = Casting(load_profile("laptop"), endpoints.__getitem__, lambda server: None, lambda: None)

    def target() -> OpenAIModel:
        return cast(OpenAIModel, casting.cast(PLAIN).target)

    async def scenario() -> None:
        first = target()
        assert target() is first
        endpoints["target"] = replace(endpoints["target"], base_url="http://127.0.0.1:2/v1")
        assert target().endpoint == endpoints["target"]
        assert target() is target()
        await casting.close()

    asyncio.run(scenario())
