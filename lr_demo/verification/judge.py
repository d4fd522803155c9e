"""A language model as judge: one constrained token says whether two steps mean the same."""

from math import exp, inf

from lr_demo.config import VerifierKind
from lr_demo.errors import ModelError
from lr_demo.models.protocol import LanguageModel, Message
from lr_demo.verification.numbers import disagreement, foresee_disagreement
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement
from lr_demo.verification.turns import PLACE, around_place

INSTRUCTION = (
    "Two students wrote the next step of the same solution. Say whether the two steps can stand for each other: "
    "they do the same thing and come to the same numbers. Wording and layout do not matter. Another number, another "
    "quantity or another part of the solution does. Reply with Yes or No."
)
YES, NO = "Yes", "No"


def _case(target: str, drafted: str) -> str:
    return f"Step A:\n{target.strip()}\n\nStep B:\n{drafted.strip()}"


_EXAMPLES = [
    ("3 shirts cost 3 \\times 20 = 60 dollars.", "So 3 shirts cost 3 \\times 20 = 50 dollars.", NO),
    (
        "So she sells 9 eggs a day.\n\\[16 - 3 - 4 = 9\\]",
        "Subtract the eggs she keeps: 16 - 7 = 9 eggs left to sell.",
        YES,
    ),
    (
        "To find his yearly pay, we need to add what both of his jobs pay.",
        "To find his yearly pay, we need to multiply a week's pay by 52.",
        NO,
    ),
    (
        "To find the total, we need to follow these steps:",
        "To determine the total, let's break the problem down step by step.",
        YES,
    ),
    (
        "To find the profit, we need to follow these steps:",
        "To find the profit, we need to subtract the value from the costs.",
        NO,
    ),
    (
        "First, the cost of the apples: 4 \\times 2 = 8 dollars.",
        "To solve this problem, we need to follow these steps:",
        NO,
    ),
    ("Step 2: Find how far he runs. 2 \\times 30 = 60 miles.", "Step 2: Find how long he runs. 60 / 30 = 2 hours.", NO),
    (
        "**Step 3:** The boxes hold 6 \\times 12 = 72 pens.",
        "3. Calculate the number of pens in all boxes:\n\\[6 \\text{ boxes} \\times 12 = 72\\]",
        YES,
    ),
]
"""Small judges take a plan for another wording of an announcement, or of another plan, until they have seen some."""
_CHAT = [
    Message("system", INSTRUCTION),
    *(
        message
        for target, drafted, answer in _EXAMPLES
        for message in (Message("user", _case(target, drafted)), Message("assistant", answer))
    ),
    Message("user", PLACE),
]


class JudgeVerifier:
    """Accepts where the judge's probability of Yes against No is at least `threshold`, 0 to 1.

    With `numbers_first`, two steps that come to different numbers are rejected without asking the judge: small
    judges overlook a wrong number, and it is what a drafted step most often gets wrong. Switch it off to see
    the judge alone, or for texts in which the last number means nothing.
    """

    method = VerifierKind.JUDGE.value
    compares_identity = False

    def __init__(self, model: LanguageModel, threshold: float, *, numbers_first: bool = True) -> None:
        self._model, self._threshold, self._numbers_first = model, threshold, numbers_first
        self._around: tuple[list[int], list[int]] | None = None

    def foresee(self, drafted: DraftedStep) -> Foresight | None:
        return foresee_disagreement(drafted.text) if self._numbers_first else None

    async def verify(self, comparison: Comparison) -> Judgement:
        if self._numbers_first and (reason := disagreement(comparison.drafted_text, comparison.target_text)):
            return Judgement(False, reason=reason)
        before, behind = await self._frame()
        case = await self._model.encode(_case(comparison.target_text, comparison.drafted_text))
        same = self._probability(await self._model.choose([*before, *case, *behind], (YES, NO)))
        accepted = same >= self._threshold
        return Judgement(accepted, same, f"{same:.0%} sure that both say the same")

    async def warm_up(self) -> None:
        """Have the server read what stands in front of every case: seconds on a processor, once, for no verdict to pay.

        Raises:
            ModelError: the server failed.
        """
        before, behind = await self._frame()
        await self._model.choose([*before, *behind], (YES, NO))

    async def _frame(self) -> tuple[list[int], list[int]]:
        """Ids in front of a case and behind it."""
        if self._around is None:
            self._around = await around_place(self._model, _CHAT)
        return self._around

    def _probability(self, logprobs: dict[str, float]) -> float:
        """Of Yes, where the answer is Yes or No."""
        yes, no = logprobs[YES], logprobs[NO]
        if yes == no == -inf:
            raise ModelError(f"{self._model.name} gave no verdict: neither {YES} nor {NO} is a likely next token")
        return 1 / (1 + exp(min(no - yes, 700.0)))
