"""Accepts nothing but the target's own step: with it, lookahead reasoning writes what plain decoding writes."""

from lr_demo.config import VerifierKind
from lr_demo.verification.protocol import Comparison, Judgement


class ExactVerifier:
    """Identical token ids; identical text where the two tokenizers differ."""

    method = VerifierKind.EXACT.value
    compares_identity = True

    async def verify(self, comparison: Comparison) -> Judgement:
        if comparison.same_vocabulary:
            same = comparison.drafted_ids == comparison.target_ids
            return Judgement(same, reason="the same tokens" if same else "other tokens than the target's")
        same = comparison.drafted_text == comparison.target_text
        return Judgement(same, reason="the same text" if same else "another text than the target's")
