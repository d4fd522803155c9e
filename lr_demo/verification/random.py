"""Accepts at random, at a given rate: the control that shows what a verifier's choice is worth."""

from random import Random

from lr_demo.config import VerifierKind
from lr_demo.verification.departure import Departure
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement


class RandomVerifier:
    """Draws from the comparison's seed, so that a run can be repeated. `rate` is 0 to 1."""

    method = VerifierKind.RANDOM.value
    compares_identity = False

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def foresee(self, drafted: DraftedStep) -> Foresight | None:
        """A draw that rejects is certain once the target's words are others: equal text needs no draw."""
        judgement = self._draw(drafted.seed)
        if judgement.accepted:
            return None
        words = Departure(_squeezed(drafted.text))
        return lambda _, piece: judgement.reason if words.after(_squeezed(piece)) else None

    async def verify(self, comparison: Comparison) -> Judgement:
        return self._draw(comparison.seed)

    def _draw(self, seed: int) -> Judgement:
        drawn = Random(seed).random()
        accepted = drawn < self._rate
        return Judgement(
            accepted, reason=f"drew {drawn:.2f}, which is {'below' if accepted else 'not below'} {self._rate:g}"
        )


def _squeezed(text: str) -> str:
    """Without white space and case, so that the pieces of a text add up to it wherever it is divided."""
    return "".join(text.split()).casefold()
