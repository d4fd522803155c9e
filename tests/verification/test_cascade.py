"""The cascade asks the judge where the embeddings leave a doubt, and nowhere else."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import pytest

from lr_demo.config import DEFAULT_THRESHOLD, VerifierKind
from lr_demo.verification.cascade import REJECT_BELOW, CascadeVerifier
from lr_demo.verification.judge import JudgeVerifier
from lr_demo.verification.protocol import Comparison, Judgement
from tests.verification.scripted import ScriptedJudge

ACCEPT_AT = DEFAULT_THRESHOLD[VerifierKind.CASCADE]
BETWEEN = (REJECT_BELOW + ACCEPT_AT) / 2


@dataclass
class SetEmbedder:
    """The cosine of any two different texts is as set."""

    cosine: float
    name: str = "set"
    asked: int = 0

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked += 1
        return [[1.0, 0.0], [self.cosine, sqrt(1 - self.cosine**2)]]


def verdict(
    cosine: float, logprobs: dict[str, float], drafted: str = "so 4", accept_at: float = ACCEPT_AT
) -> tuple[Judgement, SetEmbedder, ScriptedJudge]:
    embedder, model = SetEmbedder(cosine), ScriptedJudge(logprobs)
    cascade = CascadeVerifier(embedder, JudgeVerifier(model, 0.5), accept_at)
    pair = Comparison("?", drafted, "it is 4", (1,), (2,), same_vocabulary=True)
    return asyncio.run(cascade.verify(pair)), embedder, model


@pytest.mark.parametrize(("cosine", "accepted"), [(ACCEPT_AT, True), (REJECT_BELOW - 0.01, False)])
def test_outside_the_doubt_the_cosine_decides(cosine: float, accepted: bool) -> None:
    against = {"No": 0.0} if accepted else {"Yes": 0.0}
    found, _, model = verdict(cosine, against)
    assert found.accepted == accepted
    assert found.score == pytest.approx(cosine)
    assert model.asked == []


@pytest.mark.parametrize("cosine", [REJECT_BELOW, BETWEEN, ACCEPT_AT - 0.01])
@pytest.mark.parametrize(("logprobs", "accepted"), [({"Yes": 0.0}, True), ({"No": 0.0}, False)])
def test_in_the_doubt_the_judge_decides(cosine: float, logprobs: dict[str, float], accepted: bool) -> None:
    found, _, model = verdict(cosine, logprobs)
    assert found.accepted == accepted
    assert found.score == pytest.approx(float(accepted))
    assert len(model.asked) == 1
    assert f"cosine {cosine:.2f} leaves it to the judge: " in found.reason


def test_other_numbers_are_rejected_before_anything_is_asked() -> None:
    found, embedder, model = verdict(1.0, {"Yes": 0.0}, drafted="so 5")
    assert (found.accepted, found.reason) == (False, "the draft comes to 5, the target to 4")
    assert (embedder.asked, model.asked) == (0, [])


@pytest.mark.parametrize(("cosine", "accepted"), [(0.45, True), (0.35, False)])
def test_a_threshold_below_the_doubt_leaves_none(cosine: float, accepted: bool) -> None:
    found, _, model = verdict(cosine, {}, accept_at=0.4)
    assert found.accepted == accepted
    assert model.asked == []


def test_its_embedder_is_loaded_and_its_judge_reads_its_examples_first() -> None:
    embedder, model = SetEmbedder(1.0), ScriptedJudge({"Yes": 0.0})
    asyncio.run(CascadeVerifier(embedder, JudgeVerifier(model, 0.5), ACCEPT_AT).warm_up())
    assert (embedder.asked, len(model.asked)) == (1, 1)
