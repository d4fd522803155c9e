"""A real llama.cpp says what it is writing, and counts it for good when the request ends."""

import asyncio

import httpx
import pytest

from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.telemetry import read_live_metrics

pytestmark = [pytest.mark.llamacpp, pytest.mark.realtime]


def test_tokens_are_told_while_they_are_written_and_stay_counted_after_a_cancelled_request(
    llamacpp_endpoint: Endpoint,
) -> None:
    body = {"prompt": "Once upon a time", "n_predict": 2000, "ignore_eos": True, "stream": True}
    url = f"{llamacpp_endpoint.base_url.removesuffix('/v1')}/completion"

    async def watch() -> None:
        async with asyncio.timeout(120), httpx.AsyncClient(timeout=60) as client:
            before = await read_live_metrics(llamacpp_endpoint, client)
            async with client.stream("POST", url, json=body) as answer:
                seen = 0
                lines = answer.aiter_lines()  # kept: a forgotten iterator would close the request
                async for line in lines:
                    seen += line.startswith("data:")
                    if seen == 10:
                        break
                under_way = before
                while not under_way.unfinished_tokens:  # a busy server may not say it in time: then it is not known
                    under_way = await read_live_metrics(llamacpp_endpoint, client)
            assert under_way.running == 1
            assert under_way.written_tokens == before.written_tokens
            assert under_way.unfinished_tokens >= 10
            after = under_way
            while after.running:
                after = await read_live_metrics(llamacpp_endpoint, client)
            assert after.unfinished_tokens == 0
            assert after.written_tokens >= before.written_tokens + under_way.unfinished_tokens

    asyncio.run(watch())
