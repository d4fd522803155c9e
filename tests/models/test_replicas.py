"""Replicas of a model share its requests, and one that fails is spared for a while."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing

import pytest

from lr_demo.errors import ModelError, RequestRefused
from lr_demo.models.protocol import Chunk, GenerationRequest, Message
from lr_demo.models.replicas import AVOIDED_S, Replicas
from lr_demo.models.simulated import Failure, SimulatedModel, Vocabulary
from lr_demo.models.story import SeededStory, Voice
from lr_demo.models.virtual_time import run_virtual

STORY = SeededStory(steps=3, tokens_per_step=6)
WORDS = Vocabulary("words")
BROKEN: Mapping[int, Failure] = {0: Failure()}


def model(failures: Mapping[int, Failure] = {}) -> SimulatedModel:
    return SimulatedModel("m", STORY, Voice.TARGET, WORDS, 0.01, failures=failures)


async def answer(replicas: Replicas) -> list[Chunk]:
    prompt = await replicas.chat_prompt([Message("user", "How many?")])
    return [chunk async for chunk in replicas.generate(GenerationRequest(prompt, 100))]


def ran(scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await scenario()

    run_virtual(run())


def test_requests_at_once_are_spread_evenly() -> None:
    models = [model(), model(), model()]

    async def scenario() -> None:
        replicas = Replicas(models)
        await asyncio.gather(*(answer(replicas) for _ in range(6)))

    ran(scenario)
    assert [each.most_in_flight for each in models] == [2, 2, 2]


def test_requests_one_after_the_other_stay_where_the_prefix_is() -> None:
    models = [model(), model()]

    async def scenario() -> None:
        replicas = Replicas(models)
        for _ in range(4):
            await answer(replicas)

    ran(scenario)
    assert [each.requests for each in models] == [4, 0]


def test_a_replica_that_failed_is_asked_last_for_a_while() -> None:
    models = [model(BROKEN), model()]

    async def scenario() -> None:
        replicas = Replicas(models)
        with pytest.raises(ModelError, match="simulated failure"):
            await answer(replicas)
        await asyncio.gather(answer(replicas), answer(replicas))
        assert [each.requests for each in models] == [1, 2]
        await asyncio.sleep(AVOIDED_S)
        await answer(replicas)

    ran(scenario)
    assert [each.requests for each in models] == [2, 2]


def test_where_all_failed_all_are_asked_again() -> None:
    models = [model(BROKEN), model(BROKEN)]

    async def scenario() -> None:
        replicas = Replicas(models)
        for _ in models:
            with pytest.raises(ModelError):
                await answer(replicas)
        assert await answer(replicas)

    ran(scenario)


def test_a_refusal_is_an_answer() -> None:
    models = [model({0: Failure(raises=RequestRefused)}), model()]

    async def scenario() -> None:
        replicas = Replicas(models)
        with pytest.raises(RequestRefused):
            await answer(replicas)
        await answer(replicas)

    ran(scenario)
    assert [each.requests for each in models] == [2, 0]


def test_a_closed_generation_leaves_nothing_at_the_server() -> None:
    models = [model(), model()]

    async def scenario() -> None:
        replicas = Replicas(models)
        prompt = await replicas.chat_prompt([Message("user", "How many?")])
        async with aclosing(replicas.generate(GenerationRequest(prompt, 100))) as chunks:
            await anext(chunks)
            assert models[0].in_flight == 1
        assert models[0].in_flight == 0
        await answer(replicas)

    ran(scenario)
    assert [each.requests for each in models] == [2, 0]


def test_they_are_one_model_to_the_engine() -> None:
    async def scenario() -> None:
        single, replicas = model(), Replicas([model(), model()])
        assert (replicas.name, replicas.vocabulary) == (single.name, single.vocabulary)
        assert await replicas.context_length() == single.context
        assert await replicas.encode("two words") == await single.encode("two words")
        prompt = await single.chat_prompt([Message("user", "How many?")])
        assert await replicas.choose(prompt, ("0", "9")) == await single.choose(prompt, ("0", "9"))

    ran(scenario)
