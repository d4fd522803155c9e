"""What each verifier accepts, and how it says why; the models are scripted."""

import asyncio
import math

import pytest

from lr_demo.errors import ModelError
from lr_demo.verification.embedding import EmbeddingVerifier
from lr_demo.verification.exact import ExactVerifier
from lr_demo.verification.judge import JudgeVerifier
from lr_demo.verification.protocol import Comparison, Judgement, Verifier
from lr_demo.verification.random import RandomVerifier
from tests.verification.scripted import ScriptedEmbedder, ScriptedJudge


def comparison(
    drafted: str = "",
    target: str = "",
    *,
    drafted_ids: tuple[int, ...] = (),
    target_ids: tuple[int, ...] = (),
    same_vocabulary: bool = True,
    seed: int = 0,
) -> Comparison:
    return Comparison("A question?", drafted, target, drafted_ids, target_ids, same_vocabulary, seed)


def verdict(verifier: Verifier, asked: Comparison) -> Judgement:
    return asyncio.run(verifier.verify(asked))


def test_exact_compares_ids_of_one_vocabulary_and_text_of_two() -> None:
    exact = ExactVerifier()
    assert verdict(exact, comparison("ab", "ab", drafted_ids=(1, 2), target_ids=(1, 2))).accepted
    assert not verdict(exact, comparison("ab", "ab", drafted_ids=(3,), target_ids=(1, 2))).accepted
    assert verdict(exact, comparison("ab", "ab", drafted_ids=(3,), target_ids=(1, 2), same_vocabulary=False)).accepted
    assert not verdict(exact, comparison("ab", "ab ", same_vocabulary=False)).accepted
    assert exact.compares_identity


def test_random_repeats_with_its_seed_and_keeps_its_rate() -> None:
    verifier = RandomVerifier(0.3)
    drawn = [verdict(verifier, comparison(seed=seed)).accepted for seed in range(2000)]
    assert drawn == [verdict(verifier, comparison(seed=seed)).accepted for seed in range(2000)]
    assert 0.26 < sum(drawn) / 2000 < 0.34
    assert verdict(RandomVerifier(1), comparison()).accepted
    assert not verdict(RandomVerifier(0), comparison()).accepted


@pytest.mark.parametrize(("target", "accepted"), [("apple", True), ("berry", False)])
def test_embedding_accepts_from_its_threshold_on(target: str, accepted: bool) -> None:
    found = verdict(EmbeddingVerifier(ScriptedEmbedder(), 0.85), comparison("axe", target))
    assert found.accepted == accepted
    assert found.score == pytest.approx(1.0 if accepted else 0.6)
    assert verdict(EmbeddingVerifier(ScriptedEmbedder(), 0.6), comparison("axe", "berry")).accepted


def test_embedding_sees_no_likeness_where_the_numbers_differ_unless_told_to() -> None:
    other = comparison("a total of 160 + 80 + 20 = 360", "a sum of 160 + 80 + 20 = 260")
    found = verdict(EmbeddingVerifier(ScriptedEmbedder(), 0.85), other)
    assert (found.accepted, found.score, found.reason) == (False, None, "the draft comes to 360, the target to 260")
    assert verdict(EmbeddingVerifier(ScriptedEmbedder(), 0.85, numbers_first=False), other).accepted


def test_judge_score_is_yes_against_no() -> None:
    model = ScriptedJudge({"Yes": math.log(0.3), "No": math.log(0.1)})
    found = verdict(JudgeVerifier(model, 0.7), comparison("it is 4", "so 4"))
    assert found.accepted
    assert found.score == pytest.approx(0.75)
    assert not verdict(JudgeVerifier(model, 0.8), comparison("it is 4", "so 4")).accepted
    assert all("so 4" in asked and "it is 4" in asked for asked in model.asked)


@pytest.mark.parametrize(("logprobs", "score"), [({"Yes": -1.0}, 1.0), ({"No": -1.0}, 0.0)])
def test_judge_decides_where_only_one_answer_is_likely(logprobs: dict[str, float], score: float) -> None:
    assert verdict(JudgeVerifier(ScriptedJudge(logprobs), 0.5), comparison("a", "b")).score == pytest.approx(score)


def test_judge_that_says_neither_is_an_error() -> None:
    with pytest.raises(ModelError, match="judge gave no verdict: neither Yes nor No"):
        verdict(JudgeVerifier(ScriptedJudge({}), 0.5), comparison("a", "b"))


def test_judge_is_not_asked_where_the_numbers_differ_unless_told_to() -> None:
    model = ScriptedJudge({"Yes": -0.1})
    found = verdict(JudgeVerifier(model, 0.5), comparison("so 16 - 3 = 13", "16 - 7 = 9 eggs"))
    assert (found.accepted, found.score, found.reason) == (False, None, "the draft comes to 13, the target to 9")
    assert "no number" in verdict(JudgeVerifier(model, 0.5), comparison("we subtract", "16 - 7 = 9")).reason
    assert model.asked == []
    assert verdict(JudgeVerifier(model, 0.5, numbers_first=False), comparison("so 13", "so 9")).accepted
    assert len(model.asked) == 1


def test_judge_prompt_begins_the_same_and_is_encoded_once() -> None:
    model = ScriptedJudge({"Yes": -0.1})
    judge = JudgeVerifier(model, 0.5)
    for drafted in ("one", "two"):
        verdict(judge, comparison(drafted, "a step"))
    first, second = model.asked
    assert model.chats == 1
    assert first.replace("Step B:\none", "Step B:\ntwo") == second
    assert first.endswith("[user]Step A:\na step\n\nStep B:\none[assistant]")
