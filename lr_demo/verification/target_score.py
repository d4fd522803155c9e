"""SpecReason's verifier (arXiv 2504.07891, section 4.1): the target scores a drafted step 0–9 with one token."""

from collections.abc import Sequence
from math import exp, inf

from lr_demo.config import ScoreMethod
from lr_demo.errors import ModelError
from lr_demo.models.protocol import LanguageModel, Message
from lr_demo.verification.turns import PLACE, around_place

INSTRUCTION = (
    "Look at the last step of your answer so far. Is it correct, and does it bring the solution forward? "
    "Rate it with one digit, from 0 (wrong or useless) to 9 (correct and useful). Reply with the digit alone."
)
DIGITS = tuple("0123456789")
_CHAT = [Message("user", "A problem."), Message("assistant", PLACE), Message("user", INSTRUCTION)]


class TargetScore:
    """Implements `StepScorer`. The turn that asks for the score is encoded once, and put behind the answer's ids."""

    def __init__(self, model: LanguageModel, method: ScoreMethod) -> None:
        self._model, self._method = model, method
        self._turn: list[int] | None = None

    async def score(self, prefix: Sequence[int]) -> float:
        """0 to 9; see `StepScorer`. Greedy gives the likeliest digit, expectation the mean over their probabilities."""
        if self._turn is None:
            _, self._turn = await around_place(self._model, _CHAT)
        logprobs = await self._model.choose([*prefix, *self._turn], DIGITS)
        best = max(logprobs.values())
        if best == -inf:
            raise ModelError(f"{self._model.name} gave no score: none of the digits is among its likely next tokens")
        if self._method is ScoreMethod.GREEDY:
            return float(next(digit for digit in DIGITS if logprobs[digit] == best))
        weights = {digit: exp(logprob - best) for digit, logprob in logprobs.items()}
        return sum(int(digit) * weight for digit, weight in weights.items()) / sum(weights.values())
