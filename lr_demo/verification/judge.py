"""A language model as judge: one constrained token says whether two steps mean the same."""

from math import exp, inf

from lr_demo.config import VerifierKind
from lr_demo.errors import ModelError
from lr_demo.models.protocol import LanguageModel, Message
from lr_demo.verification.numbers import conclusion
from lr_demo.verification.protocol import Comparison, Judgement

INSTRUCTION = """\
Two students wrote the next step of the same solution. Say whether the two steps can stand for each other: they do \
the same thing and come to the same numbers. Wording and layout do not matter. Another number, another quantity or \
another part of the solution does. Reply with Yes or No."""
YES, NO = "Yes", "No"


class JudgeVerifier:
    """Accepts where the judge's probability of Yes against No is at least `threshold`, 0 to 1."""

    method = VerifierKind.JUDGE.value
    compares_identity = False

    def __init__(self, model: LanguageModel, threshold: float, *, numbers_first: bool = True) -> None:
        self._model, self._threshold, self._numbers_first = model, threshold, numbers_first

    async def verify(self, comparison: Comparison) -> Judgement:
        drafted, target = conclusion(comparison.drafted_text), conclusion(comparison.target_text)
        if self._numbers_first and drafted != target:
            return Judgement(False, 0.0, f"the draft comes to {drafted}, the target to {target}")
        prompt = await self._model.chat_prompt(
            [Message("system", INSTRUCTION), Message("user", _case(comparison.target_text, comparison.drafted_text))]
        )
        same = probability(await self._model.choose(prompt, (YES, NO)), self._model.name)
        return Judgement(same >= self._threshold, same, f"{same:.0%}")


def _case(target: str, drafted: str) -> str:
    return f"Step A:\n{target.strip()}\n\nStep B:\n{drafted.strip()}"


def probability(logprobs: dict[str, float], name: str) -> float:
    """Of Yes, where the answer is Yes or No."""
    yes, no = logprobs[YES], logprobs[NO]
    if yes == no == -inf:
        raise ModelError(f"{name} gave no verdict: neither {YES} nor {NO} is among its likely next tokens")
    return 1 / (1 + exp(min(no - yes, 700.0)))
