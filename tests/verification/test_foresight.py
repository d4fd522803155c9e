"""What is foreseen of a verdict holds for the whole steps, wherever the target's step is divided into chunks."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo.verification.cascade import CascadeVerifier
from lr_demo.verification.embedding import EmbeddingVerifier
from lr_demo.verification.exact import ExactVerifier
from lr_demo.verification.judge import JudgeVerifier
from lr_demo.verification.protocol import Comparison, DraftedStep, Verifier
from lr_demo.verification.random import RandomVerifier
from tests.verification.scripted import ScriptedEmbedder, ScriptedJudge

JUDGE = JudgeVerifier(ScriptedJudge({"Yes": 0.0}), 0.5)
VERIFIERS: list[Verifier] = [
    ExactVerifier(),
    RandomVerifier(0.5),
    JUDGE,
    JudgeVerifier(ScriptedJudge({"Yes": 0.0}), 0.5, numbers_first=False),
    EmbeddingVerifier(ScriptedEmbedder(), 0.85),
    EmbeddingVerifier(ScriptedEmbedder(), 0.85, numbers_first=False),
    CascadeVerifier(ScriptedEmbedder(), JUDGE, 0.95),
]
texts = st.text(alphabet="aAßſ 1,.\n", max_size=6)


def foreseen(verifier: Verifier, drafted: str, pieces: list[str], seed: int = 0, same: bool = True) -> str | None:
    """The reason of the reject, as soon as a piece makes it certain. Every character is a token."""
    foresight = verifier.foresee(DraftedStep(drafted, tuple(map(ord, drafted)), same, seed))
    if foresight is None:
        return None
    for piece in pieces:
        reason = foresight(tuple(map(ord, piece)), piece)
        if reason is not None:
            return reason
    return None


@examples(max_examples=500, deadline=None)
@given(st.sampled_from(VERIFIERS), texts, st.lists(texts, max_size=4), st.integers(0, 20), st.booleans())
@example(JUDGE, "a", ["a", " 1", "a"], 0, True)
def test_a_reject_that_is_foreseen_is_one_and_no_equal_text_is_among_them(
    verifier: Verifier, drafted: str, pieces: list[str], seed: int, same: bool
) -> None:
    target = "".join(pieces)
    reason = foreseen(verifier, drafted, pieces, seed, same)
    ids = tuple(map(ord, drafted)), tuple(map(ord, target))
    judgement = asyncio.run(verifier.verify(Comparison("?", drafted, target, *ids, same, seed)))
    if reason is not None:
        assert not judgement.accepted
        alike = " ".join(drafted.split()).casefold() == " ".join(target.split()).casefold()
        assert verifier.compares_identity or not alike
    elif isinstance(verifier, ExactVerifier):
        assert drafted.startswith(target), "the first other token is seen"


@pytest.mark.parametrize(
    ("verifier", "drafted", "pieces", "reason"),
    [
        (ExactVerifier(), "abc", ["ab", "d"], "other tokens than the target's"),
        (ExactVerifier(), "abc", ["abc", "d"], "other tokens than the target's"),
        (JUDGE, "we add them", ["First, 1"], "the draft comes to no number, the target states one"),
        (JUDGE, "it is 4", ["it is 5"], None),  # the target may come to 4 in the end
        (RandomVerifier(0), "So be\n it", ["so  B", "e off"], "drew 0.84, which is not below 0"),
        (RandomVerifier(0), "So be\n it", ["so  B", "e it", "\n"], None),  # equal text needs no draw
        (RandomVerifier(1), "So", ["else"], None),
        (
            EmbeddingVerifier(ScriptedEmbedder(), 0),
            "a",
            ["b", " 1"],
            "the draft comes to no number, the target states one",
        ),
        (EmbeddingVerifier(ScriptedEmbedder(), 0.85, numbers_first=False), "a", ["b 1"], None),
    ],
)
def test_what_is_certain_early(verifier: Verifier, drafted: str, pieces: list[str], reason: str | None) -> None:
    assert foreseen(verifier, drafted, pieces) == reason
