"""llama.cpp with token-level speculation says what it says without, token by token, and counts its proposals."""

import asyncio
from contextlib import aclosing

import pytest

from lr_demo.models.openai_compatible import OpenAIModel
from lr_demo.models.protocol import Chunk, GenerationRequest
from lr_demo.runs.speculation import SpeculationMeter, server_counts
from lr_demo.serving.endpoint import Endpoint

pytestmark = pytest.mark.llamacpp
REPEATS = "Count: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5,"


@pytest.fixture(params=["llamacpp_ngram_endpoint", "llamacpp_draft_endpoint"], ids=["n-gram", "draft model"])
def speculating(request: pytest.FixtureRequest) -> Endpoint:
    endpoint: Endpoint = request.getfixturevalue(request.param)
    return endpoint


async def written(endpoint: Endpoint, prompt: str, tokens: int, stop: tuple[str, ...] = ()) -> list[Chunk]:
    model = OpenAIModel(endpoint)
    try:
        request = GenerationRequest(await model.encode(prompt), tokens, stop)
        async with aclosing(model.generate(request)) as chunks:
            return [chunk async for chunk in chunks]
    finally:
        await model.close()


@pytest.mark.parametrize(("tokens", "stop"), [(60, ()), (61, ()), (62, ()), (63, ()), (200, ("\n",))])
def test_a_greedy_answer_is_that_of_the_plain_server(
    llamacpp_endpoint: Endpoint, speculating: Endpoint, tokens: int, stop: tuple[str, ...]
) -> None:
    """However the token limit or the stop string falls into a pass."""
    prompt = "A list of numbers:\n\n1. one\n\n2. two\n\n3." if stop else REPEATS
    plain = asyncio.run(written(llamacpp_endpoint, prompt, tokens, stop))
    speculative = asyncio.run(written(speculating, prompt, tokens, stop))
    assert [token for chunk in speculative for token in chunk.token_ids] == [
        token for chunk in plain for token in chunk.token_ids
    ]
    assert "".join(chunk.text for chunk in speculative) == "".join(chunk.text for chunk in plain)
    assert speculative[-1].finish is plain[-1].finish


def test_the_server_counts_what_it_proposed(speculating: Endpoint) -> None:
    async def measured() -> tuple[int, int, int]:
        meter = SpeculationMeter(lambda: server_counts(speculating))
        await meter.begin()
        await written(speculating, REPEATS, 40)
        counted = await meter.end()
        assert counted is not None
        return counted.drafts, counted.proposed_tokens, counted.accepted_tokens

    drafts, proposed, accepted = asyncio.run(measured())
    assert 0 < drafts < 40
    assert 0 < accepted <= proposed <= 6 * drafts


def test_a_plain_server_counts_none(llamacpp_endpoint: Endpoint) -> None:
    async def measured() -> int | None:
        meter = SpeculationMeter(lambda: server_counts(llamacpp_endpoint))
        await meter.begin()
        await written(llamacpp_endpoint, REPEATS, 10)
        counted = await meter.end()
        return counted.drafts if counted is not None else None

    assert asyncio.run(measured()) == 0
