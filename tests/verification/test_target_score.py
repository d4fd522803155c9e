"""SpecReason's score: where the digit is asked for, and what is made of its log-probabilities."""

import asyncio
import math

import pytest

from lr_demo.config import ScoreMethod
from lr_demo.errors import ModelError
from lr_demo.verification.target_score import INSTRUCTION, TargetScore
from tests.verification.scripted import ScriptedJudge

PREFIX = [ord(letter) for letter in "[user]How many?[assistant]It is 4."]


def score(model: ScriptedJudge, method: ScoreMethod) -> float:
    return asyncio.run(TargetScore(model, method).score(PREFIX))


def test_greedy_takes_the_likeliest_digit_and_expectation_the_mean() -> None:
    logprobs = {"9": math.log(0.3), "5": math.log(0.1), "x": math.log(0.6)}
    assert score(ScriptedJudge(logprobs), ScoreMethod.GREEDY) == 9
    assert score(ScriptedJudge(logprobs), ScoreMethod.EXPECTATION) == pytest.approx(8.0)


def test_the_scoring_turn_follows_the_answer_and_is_encoded_once() -> None:
    model = ScriptedJudge({"7": -0.1})
    scorer = TargetScore(model, ScoreMethod.GREEDY)

    async def twice() -> None:
        await scorer.score(PREFIX)
        await scorer.score([*PREFIX, ord("!")])

    asyncio.run(twice())
    turn = f"[user]{INSTRUCTION}[assistant]"
    assert model.asked == [f"[user]How many?[assistant]It is 4.{mark}{turn}" for mark in ("", "!")]
    assert model.chats == 1


def test_no_digit_among_the_likely_tokens_is_an_error() -> None:
    with pytest.raises(ModelError, match="judge gave no score"):
        score(ScriptedJudge({"x": -0.1}), ScoreMethod.EXPECTATION)
