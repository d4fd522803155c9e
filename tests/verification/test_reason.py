"""The judge's reason in words: what it is asked, how little it may write, and that nobody goes on writing unread."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import pytest

from lr_demo.models.openai_compatible import OpenAIModel
from lr_demo.models.protocol import Chunk, Finish, GenerationRequest
from lr_demo.models.virtual_time import run_virtual
from lr_demo.serving.endpoint import Endpoint
from lr_demo.verification.reason import MOST_CHARACTERS, MOST_TOKENS, JudgeReasoner, SimulatedReasoner
from tests.verification.scripted import ScriptedJudge


@dataclass
class WritingJudge(ScriptedJudge):
    """A fake model that writes what it is told to, and remembers whether it was let finish."""

    logprobs: dict[str, float] = field(default_factory=dict)
    says: Sequence[str] = ("They differ: ", "60 is not 50. ")
    hangs: bool = False
    requests: list[GenerationRequest] = field(default_factory=list)
    closed: int = 0

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        try:
            for text in self.says:
                yield Chunk((1,), text)
            if self.hangs:
                await asyncio.get_running_loop().create_future()
            yield Chunk((2,), "", Finish.END)
        finally:
            self.closed += 1

    def asked_for(self) -> str:
        return "".join(map(chr, self.requests[-1].prompt))


def test_a_judge_is_shown_both_steps_and_writes_little_and_greedily() -> None:
    judge = WritingJudge()
    said = asyncio.run(JudgeReasoner(judge).why("So it costs 50.", "So it costs 60."))
    assert said == "They differ: 60 is not 50."
    assert judge.asked_for().endswith("[user]Step A:\nSo it costs 60.\n\nStep B:\nSo it costs 50.[assistant]")
    request = judge.requests[-1]
    assert request.max_tokens == MOST_TOKENS
    assert request.stop == ("\n\n",)
    assert request.sampling.temperature == 0


def test_of_a_long_step_a_judge_is_shown_the_beginning() -> None:
    judge = WritingJudge()
    asyncio.run(JudgeReasoner(judge).why("short", "x" * 10 * MOST_CHARACTERS))
    assert "x" * MOST_CHARACTERS + " …\n\nStep B:\nshort" in judge.asked_for()
    assert judge.asked_for().count("x") < MOST_CHARACTERS + 20


def test_a_question_that_is_given_up_ends_at_the_judge() -> None:
    judge = WritingJudge(hangs=True)

    async def give_up() -> None:
        async with asyncio.timeout(5):
            await JudgeReasoner(judge).why("one", "other")

    with pytest.raises(TimeoutError):
        run_virtual(give_up())
    assert judge.closed == 1


def test_a_simulated_reason_names_the_numbers_that_differ() -> None:
    asked = SimulatedReasoner(seconds=0.2)
    assert "7 where the target’s says 8" in run_virtual(asked.why("It is 7.", "It is 8."))
    assert "numbers of both agree" in run_virtual(asked.why("It is 7.", "So 7 it is."))


@pytest.mark.llamacpp
def test_a_real_model_writes_a_short_reason(llamacpp_endpoint: Endpoint) -> None:
    async def asked() -> str:
        model = OpenAIModel(llamacpp_endpoint)
        try:
            async with asyncio.timeout(120):
                return await JudgeReasoner(model).why("So it costs 50 dollars.", "So it costs 60 dollars.")
        finally:
            await model.close()

    said = asyncio.run(asked())
    assert said
    assert "\n\n" not in said
    assert len(said.split()) <= MOST_TOKENS
