"""The judge is asked only where the embeddings leave a doubt: two steps nearly alike, or far apart, need no judge."""

from lr_demo.config import VerifierKind
from lr_demo.models.protocol import Embedder
from lr_demo.verification.embedding import cosine_of
from lr_demo.verification.judge import JudgeVerifier
from lr_demo.verification.numbers import disagreement, foresee_disagreement
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement

REJECT_BELOW = 0.7
"""Cosine below which a drafted step is rejected without the judge; where it comes from: `CascadeVerifier`."""


class CascadeVerifier:
    """Numbers first, then the cosine of the sentence embeddings, then the judge.

    Steps that come to different numbers are rejected. A cosine of at least `accept_at` accepts, one below
    `REJECT_BELOW` rejects, and in between the judge decides with its own threshold. An `accept_at` below
    `REJECT_BELOW` leaves no between: it accepts from there on and rejects the rest.

    The defaults come from 58 pairs of word problems whose numbers agree (Qwen2.5-Coder 1.5B as target and judge, 0.5B
    as draft, all-MiniLM-L6-v2, temperature 0.6). From 0.9 on lie 39 of them, of which the judge accepts 37 and rejects
    two narrowly (.43, .48); below 0.7 lie two, which it rejects; it accepts none below 0.77. Of 61 pairs of different
    steps of one answer that come to the same number none lies from 0.9 on, and 44 below 0.7. So 41 of 58 verdicts
    need no judge. Another embedder has other cosines.
    """

    method = VerifierKind.CASCADE.value
    compares_identity = False

    def __init__(self, embedder: Embedder, judge: JudgeVerifier, accept_at: float) -> None:
        self._embedder, self._judge = embedder, judge
        self._accept_at, self._reject_below = accept_at, min(REJECT_BELOW, accept_at)

    def foresee(self, drafted: DraftedStep) -> Foresight | None:
        return foresee_disagreement(drafted.text)

    async def verify(self, comparison: Comparison) -> Judgement:
        """See `Verifier.verify`. The score is the cosine, or the judge's probability where it was asked."""
        reason = disagreement(comparison.drafted_text, comparison.target_text)
        if reason is not None:
            return Judgement(False, reason=reason)
        cosine = await cosine_of(self._embedder, comparison)
        if cosine >= self._accept_at:
            return Judgement(True, cosine, f"cosine {cosine:.2f} is at least {self._accept_at:g}")
        if cosine < self._reject_below:
            return Judgement(False, cosine, f"cosine {cosine:.2f} is below {self._reject_below:g}")
        judged = await self._judge.verify(comparison)
        return Judgement(judged.accepted, judged.score, f"cosine {cosine:.2f} leaves it to the judge: {judged.reason}")

    async def warm_up(self) -> None:
        """See `EmbeddingVerifier.warm_up` and `JudgeVerifier.warm_up`."""
        await self._embedder.embed(["a step"])
        await self._judge.warm_up()
