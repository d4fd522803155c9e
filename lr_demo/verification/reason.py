"""Why two steps mean the same or not, in the judge's words: asked when the verdict is given, and changing nothing."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from lr_demo.models.protocol import GenerationRequest, LanguageModel, Message
from lr_demo.models.story import first_difference

MOST_TOKENS = 96
"""Of a reason: two sentences, and room for a few numbers."""
MOST_CHARACTERS = 2000
"""Of each step that the judge is given: the beginning of a longer one."""
INSTRUCTION = (
    "Two students wrote the next step of the same solution. Say in one short sentence, or two, why the two steps can "
    "stand for each other, or why they cannot: name the numbers, quantities or parts of the solution that decide. "
    "Wording and layout do not matter."
)
_EXAMPLES = [
    (
        "So she sells 9 eggs a day.\n\\[16 - 3 - 4 = 9\\]",
        "Subtract the eggs she keeps: 16 - 7 = 9 eggs left to sell.",
        "They mean the same: both subtract the eggs that she keeps from 16 and come to 9.",
    ),
    (
        "3 shirts cost 3 \\times 20 = 60 dollars.",
        "So 3 shirts cost 3 \\times 20 = 50 dollars.",
        "They differ: step A comes to 60 dollars for the three shirts, step B to 50.",
    ),
]


class Reasoner(Protocol):
    """Says why two steps mean the same or not."""

    async def why(self, drafted: str, target: str) -> str:
        """One or two sentences.

        Raises:
            ModelError: the model did not answer.
        """
        ...


@dataclass(frozen=True)
class JudgeReasoner:
    """Has the judge model write it, greedily, in at most `MOST_TOKENS` tokens. Cancelling ends it at the server."""

    model: LanguageModel

    async def why(self, drafted: str, target: str) -> str:
        """See `Reasoner`. What the model writes is text from outside: nothing is to be read into it as markup."""
        chat = [Message("system", INSTRUCTION)]
        for one, other, reason in _EXAMPLES:
            chat += [Message("user", _case(one, other)), Message("assistant", reason)]
        prompt = await self.model.chat_prompt([*chat, Message("user", _case(target, drafted))])
        request = GenerationRequest(prompt, MOST_TOKENS, stop=("\n\n",))
        async with aclosing(self.model.generate(request)) as writing:
            return "".join([chunk.text async for chunk in writing]).strip()


@dataclass(frozen=True)
class SimulatedReasoner:
    """Stands for a judge where there is no model: compares numbers, takes a set time."""

    seconds: float

    async def why(self, drafted: str, target: str) -> str:
        await asyncio.sleep(self.seconds)
        difference = first_difference(drafted, target)
        if difference is None:
            return "They mean the same: the numbers of both agree, as far as both go."
        return f"They differ: the drafted step says {difference[0]} where the target’s says {difference[1]}."


def _case(target: str, drafted: str) -> str:
    return f"Step A:\n{_beginning(target)}\n\nStep B:\n{_beginning(drafted)}"


def _beginning(text: str) -> str:
    text = text.strip()
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} …"
