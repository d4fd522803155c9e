"""Accepts nothing but the target's own step: with it, lookahead reasoning writes what plain decoding writes."""

from lr_demo.config import VerifierKind
from lr_demo.verification.departure import Departure
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement

_OTHER_TOKENS, _OTHER_TEXT = "other tokens than the target's", "another text than the target's"


class ExactVerifier:
    """Identical token ids; identical text where the two tokenizers differ."""

    method = VerifierKind.EXACT.value
    compares_identity = True

    def foresee(self, drafted: DraftedStep) -> Foresight:
        """The first token or character that differs decides."""
        if drafted.same_vocabulary:
            tokens = Departure(drafted.ids)
            return lambda ids, _: _OTHER_TOKENS if tokens.after(ids) else None
        text = Departure(drafted.text)
        return lambda _, piece: _OTHER_TEXT if text.after(piece) else None

    async def verify(self, comparison: Comparison) -> Judgement:
        if comparison.same_vocabulary:
            same = comparison.drafted_ids == comparison.target_ids
            return Judgement(same, reason="the same tokens" if same else _OTHER_TOKENS)
        same = comparison.drafted_text == comparison.target_text
        return Judgement(same, reason="the same text" if same else _OTHER_TEXT)
