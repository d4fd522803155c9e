"""Verifier for simulated steps: reads their meaning, takes a set time. No model."""

import asyncio
from dataclasses import dataclass

from lr_demo.models.story import first_difference
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement


@dataclass(frozen=True)
class SimulatedVerifier:
    """Accepts a drafted step whose numbers are the target's."""

    method: str
    """The verifier it stands for."""
    seconds: float
    compares_identity: bool = False

    def foresee(self, drafted: DraftedStep) -> Foresight | None:
        return None  # it stands for verifiers that need both whole steps

    async def verify(self, comparison: Comparison) -> Judgement:
        await asyncio.sleep(self.seconds)
        difference = first_difference(comparison.drafted_text, comparison.target_text)
        if difference is None:
            return Judgement(True, 1.0, "the numbers agree")
        return Judgement(False, 0.0, f"{difference[0]} is not {difference[1]}")
