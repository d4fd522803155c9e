"""What simulated models write: sentences of arithmetic, a seeded function of the answer so far.

The meaning of a step is the sequence of its numbers, fixed by the text before it; the wording may
differ between target and draft. So a drafted step can mean the same, or not, and both can be told.
"""

import random
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

BOUNDARY = "\n\n"
_NUMBER = re.compile(r"\d+")


class Voice(StrEnum):
    """Who writes."""

    TARGET = "target"
    DRAFT = "draft"


class Story(Protocol):
    """The continuation of every text."""

    def step(self, answer: str, voice: Voice, seed: int) -> str:
        """The next whole step after an answer that ends at a boundary."""
        ...

    def continuation(self, answer: str, voice: Voice, seed: int) -> str:
        """The next step, or the rest of the one that the answer ends in the middle of."""
        ...

    def ended(self, answer: str) -> bool:
        """Whether nothing follows this answer."""
        ...


def first_difference(one: str, other: str) -> tuple[str, str] | None:
    """The first numbers in which two steps differ, as far as both go; None where they mean the same."""
    for a, b in zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=False):
        if a != b:
            return a, b
    return None


@dataclass(frozen=True)
class SeededStory:
    """An endless supply of steps, ended after `steps` of them by a boxed answer."""

    steps: int
    tokens_per_step: int
    """Mean length in tokens of `simulated.WORDS`."""
    spread: float = 0.0
    """Lengths are uniform within this share around the mean."""
    acceptance: float = 0.6
    """Chance that a drafted step means the same."""
    identical: float = 0.0
    """Share of those that are equal word for word."""
    seed: int = 0

    def step(self, answer: str, voice: Voice, seed: int) -> str:
        return _seeded(self, answer.count(BOUNDARY), zlib.crc32(answer.encode()), voice, seed)

    def continuation(self, answer: str, voice: Voice, seed: int) -> str:
        before = answer[: answer.rfind(BOUNDARY) + 2] if BOUNDARY in answer else ""
        return _rest(self.step(before, voice, seed), answer)

    def ended(self, answer: str) -> bool:
        return answer.count(BOUNDARY) >= self.steps - 1 and answer.endswith("}.")


@lru_cache(maxsize=8192)
def _seeded(story: SeededStory, index: int, mark: int, voice: Voice, seed: int) -> str:
    """Step `index` behind a text with this mark."""
    meaning = random.Random(f"meaning {story.seed} {mark}")
    numbers = [str(meaning.randrange(2, 1000)) for _ in range(12)]
    wording = random.Random(f"target {story.seed} {mark} {seed if voice is Voice.TARGET else 0}")
    if voice is Voice.DRAFT:
        drafting = random.Random(f"draft {story.seed} {mark} {seed}")
        same = drafting.random() < story.acceptance
        if not same:
            numbers[0] = str(int(numbers[0]) + drafting.randrange(1, 9))
        if not same or drafting.random() >= story.identical:
            wording = drafting
    length = max(2, round(story.tokens_per_step * (1 + story.spread * (2 * wording.random() - 1))))
    if index == story.steps - 1:
        return f"The answer is \\boxed{{{numbers[0]}}}."
    return _sentence(numbers, length, wording)


@dataclass(frozen=True)
class ScriptedStory:
    """The steps it was given, whatever was written before: the n-th step is the n-th of the voice's.

    Every step but the last ends with the one boundary in it.
    """

    target: Sequence[str]
    draft: Sequence[str]

    def step(self, answer: str, voice: Voice, seed: int) -> str:
        steps = self.target if voice is Voice.TARGET else self.draft
        index = answer.count(BOUNDARY)
        return steps[min(index, len(steps) - 1)]

    def continuation(self, answer: str, voice: Voice, seed: int) -> str:
        return _rest(self.step(answer, voice, seed), answer)

    def ended(self, answer: str) -> bool:
        last = answer[answer.rfind(BOUNDARY) + 2 :] if BOUNDARY in answer else answer
        return answer.count(BOUNDARY) >= len(self.target) - 1 and last in (self.target[-1], self.draft[-1])


def _rest(step: str, answer: str) -> str:
    """What is left of a step where the answer ends in the middle of it."""
    begun = answer[answer.rfind(BOUNDARY) + 2 :] if BOUNDARY in answer else answer
    return step.removeprefix(begun)


_CLAUSES = (
    "we add {} to the sum",
    "this leaves {} of them",
    "half of that is {}",
    "times {} gives the next value",
    "so the total becomes {}",
    "that makes {} altogether",
    "we take away {} again",
    "and {} remain for later",
    "the rest comes to {}",
    "together these are {} pieces",
)
_OPENINGS = ("First", "Now", "Next", "Then", "So", "Here", "Again", "Thus")


def _sentence(numbers: Sequence[str], length: int, wording: random.Random) -> str:
    """A step of exactly `length` tokens of `simulated.WORDS` that states the numbers in order, as far as it goes."""
    words = [wording.choice(_OPENINGS)]
    used = 0
    while len(words) < length - 1:
        number = numbers[used] if used < len(numbers) else "more"
        used += 1
        words += wording.choice(_CLAUSES).format(number).split()
        words.append("and")
    return " ".join(words[: length - 1]) + ".\n\n"
