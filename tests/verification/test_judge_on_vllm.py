"""A real vLLM reads the judge's instructions and examples once; a verdict costs what is new in it."""

import asyncio

import httpx
import pytest

from lr_demo.models.openai_compatible import OpenAIModel
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.telemetry import read_live_metrics
from lr_demo.verification.judge import JudgeVerifier
from lr_demo.verification.protocol import Comparison

pytestmark = [pytest.mark.vllm, pytest.mark.realtime]

LARGEST_BLOCK = 128
"""Tokens of the cache's blocks: 16 on a GPU, 32 to 128 on a processor. What fills no block is read again."""


def test_verdicts_at_once_read_nothing_of_what_stands_before_their_case(vllm_endpoint: Endpoint) -> None:
    cases = [Comparison("", f"So that makes {n}.", f"This is {n} then.", (), (), True) for n in range(100, 104)]

    async def verdicts() -> None:
        model = OpenAIModel(vllm_endpoint)
        judge = JudgeVerifier(model, 0.5)
        async with asyncio.timeout(300), httpx.AsyncClient(timeout=60) as client:
            await judge.warm_up()
            before = await read_live_metrics(vllm_endpoint, client)
            await asyncio.gather(*(judge.verify(case) for case in cases))
            after = await read_live_metrics(vllm_endpoint, client)
            await model.close()
        read = (after.prompt_tokens - before.prompt_tokens) - (after.cached_tokens - before.cached_tokens)
        assert read < len(cases) * (LARGEST_BLOCK + 40)
        assert after.cached_tokens - before.cached_tokens > len(cases) * 200

    asyncio.run(verdicts())
