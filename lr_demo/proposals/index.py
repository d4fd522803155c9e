"""Finds, for the end of a sequence, how a drafted step of that very sequence went on from there."""

from collections.abc import Sequence
from dataclasses import dataclass, field

ANCHOR = 16
"""Tokens of a prefix that a drafted step is known by, together with the prefix's length."""
REMEMBERED = 512
"""Drafted steps kept; the oldest one makes room."""
_LONGEST_MATCH = 32
_TRUST = 2
"""Tokens proposed for each that agreed in a row: a proposal that is wrong costs the target time, too."""


@dataclass(frozen=True, slots=True)
class DraftedTokens:
    """Tokens that a draft wrote for one step, in the target's ids, as they arrive."""

    step: int
    """Names the step, 0 … 2**64 − 1, differently from every other at the server."""
    prefix_length: int
    """Tokens of the sequence before the step, its prompt included."""
    anchor: tuple[int, ...]
    """The last of these, at most `ANCHOR`."""
    offset: int
    """Tokens of the step that came before these."""
    tokens: tuple[int, ...]
    """None at all: the step counts no longer, and is forgotten."""


@dataclass(frozen=True, slots=True)
class Accompanied:
    """A sequence for which the draft is to be asked, between two passes of the target, what follows."""

    name: int
    """As a step's."""
    prefix_length: int
    """Tokens of the sequence when this was said, its prompt included."""
    anchor: tuple[int, ...]
    """The last of these, at most `ANCHOR`."""
    draft: str = ""
    """Address of the draft's server, a llama.cpp one; empty: it is to be asked no longer."""

    def begins(self, ending: Sequence[int], length: int) -> bool:
        """Whether a sequence of `length` tokens with this ending is that one, however far it has come."""
        return _goes_through(ending, length, self.prefix_length, self.anchor)


@dataclass(slots=True)
class _Step:
    prefix_length: int
    anchored: int
    text: list[int] = field(default_factory=list)
    """The anchor, and what the draft wrote behind it."""

    def continues(self, ending: Sequence[int], length: int) -> bool:
        """Whether a sequence of `length` tokens with this ending goes through this step's prefix."""
        return _goes_through(ending, length, self.prefix_length, self.text[: self.anchored])


class DraftedSteps:
    """Drafted steps, found by the last `lookup` tokens of a sequence.

    After a token that the draft had otherwise, the next `lookup` tokens that agree bring a sequence back on its way.
    """

    def __init__(self, lookup: int = 2, remembered: int = REMEMBERED) -> None:
        self._lookup, self._remembered = lookup, remembered
        self._steps: dict[int, _Step] = {}
        self._places: dict[tuple[int, ...], list[tuple[int, int]]] = {}
        """Every `lookup` tokens in a row to the places (step, index in its text) right behind them."""

    @property
    def steps(self) -> int:
        """Drafted steps that are remembered."""
        return len(self._steps)

    def add(self, drafted: DraftedTokens) -> None:
        """Take tokens of a step. What comes without its beginning, or twice, is left out."""
        step = self._steps.get(drafted.step)
        if not drafted.tokens:
            if step is not None:
                self._forget(drafted.step)
            return
        if step is None:
            if drafted.offset or len(drafted.anchor) > drafted.prefix_length:
                return
            while len(self._steps) >= self._remembered:
                self._forget(next(iter(self._steps)))
            step = self._steps[drafted.step] = _Step(drafted.prefix_length, len(drafted.anchor))
            self._extend(drafted.step, step, drafted.anchor)
        if drafted.offset == len(step.text) - step.anchored:
            self._extend(drafted.step, step, drafted.tokens)

    def continuation(self, ending: Sequence[int], length: int, most: int) -> list[int]:
        """What may follow a sequence of `length` tokens: at most `most`, often none.

        `ending` are its last tokens, so many that they reach back before the step that is being written. Of all places
        in steps drafted for this sequence that end like it, the one with the longest common end counts, then the one
        that is least out of step with it.
        """
        found: list[int] = []
        best = (0, 0)
        own: dict[int, bool] = {}
        for name, place in self._places.get(tuple(ending[-self._lookup :]), ()):
            step = self._steps[name]
            if place >= len(step.text):
                continue
            if name not in own:
                own[name] = step.continues(ending, length)
            if not own[name]:
                continue
            drift = abs((place - step.anchored) - (length - step.prefix_length))
            rank = (_common_end(ending, step.text, place), -drift)
            if not found or rank > best:
                best, found = rank, step.text[place : place + min(most, _TRUST * rank[0])]
        return found

    def _extend(self, name: int, step: _Step, tokens: Sequence[int]) -> None:
        first = len(step.text) + 1
        step.text += tokens
        for place in range(max(first, self._lookup), len(step.text) + 1):
            self._places.setdefault(tuple(step.text[place - self._lookup : place]), []).append((name, place))

    def _forget(self, name: int) -> None:
        text = self._steps.pop(name).text
        for tail in {tuple(text[place - self._lookup : place]) for place in range(self._lookup, len(text) + 1)}:
            left = [place for place in self._places[tail] if place[0] != name]
            if left:
                self._places[tail] = left
            else:
                del self._places[tail]


def _goes_through(ending: Sequence[int], length: int, prefix_length: int, anchor: Sequence[int]) -> bool:
    """Whether a sequence of `length` tokens with this ending has this anchor at the end of a prefix of that length."""
    end = prefix_length - (length - len(ending))
    start = end - len(anchor)
    return start >= 0 and end <= len(ending) and list(ending[start:end]) == list(anchor)


def _common_end(ending: Sequence[int], text: Sequence[int], place: int) -> int:
    """How many tokens the ending has in common with a text up to a place, up to a limit."""
    most = min(len(ending), place, _LONGEST_MATCH)
    return next((n for n in range(most) if ending[-1 - n] != text[place - 1 - n]), most)
