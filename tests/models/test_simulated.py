"""The simulated models and their clock."""

import asyncio

import pytest

from lr_demo.config import Profile, SimulatedSpeculation, parse_profile
from lr_demo.errors import ModelError
from lr_demo.models.protocol import Chunk, Finish, GenerationRequest, Message
from lr_demo.models.simulated import TRIPLES, Failure, SimulatedModel, Vocabulary
from lr_demo.models.simulated_pair import simulated_models
from lr_demo.models.story import SeededStory, Voice, first_difference
from lr_demo.models.virtual_time import run_virtual

STORY = SeededStory(steps=3, tokens_per_step=6)


def model(**given: object) -> SimulatedModel:
    return SimulatedModel("m", STORY, Voice.TARGET, Vocabulary("words"), 0.01, **given)  # type: ignore[arg-type]


async def everything(model: SimulatedModel, prompt: list[int], stop: tuple[str, ...] = ()) -> list[Chunk]:
    return [chunk async for chunk in model.generate(GenerationRequest(prompt, 100, stop))]


def test_an_answer_in_steps_is_the_answer_in_one() -> None:
    async def both() -> tuple[str, str]:
        m = model()
        prompt = await m.chat_prompt([Message("user", "How many?")])
        whole = "".join(chunk.text for chunk in await everything(m, prompt))
        text, ids = "", list(prompt)
        for _ in range(3):
            chunks = await everything(m, ids, stop=("\n\n",))
            ids += [token for chunk in chunks for token in chunk.token_ids]
            text += "".join(chunk.text for chunk in chunks)
        assert chunks[-1].finish is Finish.END
        return whole, text

    whole, text = run_virtual(both())
    assert whole == text
    assert whole.count("\n\n") == 2


def test_tokens_take_their_time_and_more_so_in_a_batch() -> None:
    async def timed(count: int) -> float:
        m = model(batch_cost=(1.0, 1.5))
        prompt = await m.chat_prompt([Message("user", "How many?")])
        await asyncio.gather(*(everything(m, prompt, stop=("\n\n",)) for _ in range(count)))
        return asyncio.get_running_loop().time()

    assert run_virtual(timed(1)) == pytest.approx(0.06)
    assert run_virtual(timed(2)) == pytest.approx(0.09, rel=0.1)


@pytest.mark.parametrize("chunk_tokens", [1, 5])
def test_the_passes_of_its_chunks_are_those_it_counts(chunk_tokens: int) -> None:
    async def passes() -> None:
        m = model(speculation=SimulatedSpeculation(tokens=4, acceptance=0.6), chunk_tokens=chunk_tokens)
        prompt = await m.chat_prompt([Message("user", "How many?")])
        chunks = await everything(m, prompt)
        assert all(sum(chunk.passes) == len(chunk.token_ids) for chunk in chunks)
        told = [tokens for chunk in chunks for tokens in chunk.passes]
        assert max(told) > 1
        assert sum(told) - len(told) <= m.accepted_tokens, "the last pass may have had more than was left"
        boundaries = GenerationRequest(prompt, 100, splits=("\n\n",))
        split = [chunk async for chunk in m.generate(boundaries)]
        assert all(sum(chunk.passes) == len(chunk.token_ids) for chunk in split)
        assert len(split) > len(chunks)

    run_virtual(passes())


def test_failures_come_when_asked_for() -> None:
    async def fail() -> None:
        m = model(failures={1: Failure(after_tokens=2)})
        prompt = await m.chat_prompt([Message("user", "How many?")])
        await everything(m, prompt)
        with pytest.raises(ModelError, match="simulated failure"):
            await everything(m, prompt)
        assert m.in_flight == 0

    run_virtual(fail())


def test_the_share_of_drafted_steps_that_mean_the_same_is_the_acceptance() -> None:
    story = SeededStory(steps=2000, tokens_per_step=8, acceptance=0.6)
    text, same = "", 0
    for _ in range(1000):
        step = story.step(text, Voice.TARGET, 0)
        same += first_difference(step, story.step(text, Voice.DRAFT, 0)) is None
        text = (text + step)[-400:]
    assert 0.55 < same / 1000 < 0.65


@pytest.mark.parametrize("pattern", [None, TRIPLES])
def test_vocabularies_lose_nothing(pattern: object) -> None:
    words = Vocabulary("v", pattern) if pattern else Vocabulary("v")  # type: ignore[arg-type]
    for text in ("", "a  b\n\n\nc. \n", "\\boxed{1}\n\n x", "ü$%\t\n"):
        assert words.decode(words.encode(text)) == text


def test_a_deadlock_in_virtual_time_is_said() -> None:
    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="deadlock"):
        run_virtual(forever())


def profile() -> Profile:
    return parse_profile(
        """
name: tiny
description: two simulated models
servers:
  target: {engine: simulated, ms_per_token: 13}
  draft: {engine: simulated, ms_per_token: 2.5}
roles: {target: target, draft: draft}
simulation: {steps: 2}
""",
        "tiny.yaml",
    )


def test_a_profiles_models_share_story_and_tokens() -> None:
    target, draft = simulated_models(profile())
    assert draft is not None
    assert target.words is draft.words
    assert target.seconds_per_token == 0.013
    assert target.story == draft.story
