"""Verifier for recorded text: says what the judge said of the same two steps, after a set time. No model."""

import asyncio
import random
from dataclasses import dataclass

from lr_demo.config import VerifierKind
from lr_demo.models.recorded import RecordedText
from lr_demo.verification.numbers import disagreement, foresee_disagreement
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement


@dataclass(frozen=True)
class RecordedVerifier:
    """Accepts as `JudgeVerifier` did, by the recorded probabilities; steps that it never saw, where numbers agree."""

    text: RecordedText
    threshold: float
    seconds: float
    """Of a verdict that the judge is asked for."""
    rate: float | None = None
    """Accepts at this rate whatever was recorded; None: as recorded."""
    method: str = VerifierKind.JUDGE.value
    compares_identity: bool = False

    def foresee(self, drafted: DraftedStep) -> Foresight | None:
        return foresee_disagreement(drafted.text) if self.rate is None else None

    async def verify(self, comparison: Comparison) -> Judgement:
        drafted, target = comparison.drafted_text, comparison.target_text
        if self.rate is None and (reason := disagreement(drafted, target)):
            return Judgement(False, reason=reason)
        await asyncio.sleep(self.seconds)
        recorded = self.text.verdicts.get((drafted, target))
        if self.rate is not None:
            accepted = random.Random(f"{comparison.seed} {drafted}").random() < self.rate
            said = "nothing" if recorded is None else "accepted" if recorded.accepted else "rejected"
            return Judgement(accepted, reason=f"drawn at the acceptance that was set, {self.rate:g}; recorded: {said}")
        if recorded is None or recorded.score is None:
            return Judgement(True, reason="filled in: no verdict was recorded; both come to the same number")
        said = f"recorded: {recorded.reason or 'no reason'}"
        return Judgement(recorded.score >= self.threshold, recorded.score, said)
