"""Accepts at random, at a given rate: the control that shows what a verifier's choice is worth."""

from random import Random

from lr_demo.config import VerifierKind
from lr_demo.verification.protocol import Comparison, Judgement


class RandomVerifier:
    """Draws from the comparison's seed, so that a run can be repeated. `rate` is 0 to 1."""

    method = VerifierKind.RANDOM.value
    compares_identity = False

    def __init__(self, rate: float) -> None:
        self._rate = rate

    async def verify(self, comparison: Comparison) -> Judgement:
        drawn = Random(comparison.seed).random()
        accepted = drawn < self._rate
        return Judgement(
            accepted, reason=f"drew {drawn:.2f}, which is {'below' if accepted else 'not below'} {self._rate:g}"
        )
