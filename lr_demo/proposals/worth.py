"""How many proposals pay: what a pass of the target costs by its tokens, and how often proposals are right.

Verifying a proposal is not free where a pass is bound by computing: on a processor nine tokens cost twice one. Costs
are a straight line through the last passes, acceptance is that of a proposal whose forerunners were right. Where a
proposal has to be drafted first, while the target waits, that is a cost of it too.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from statistics import StatisticsError, linear_regression

from lr_demo.mean import Mean

_PASSES = 48
"""So many of the last passes count."""
_FEWEST = 4
"""Passes that a line needs."""
_FIRST = (3, 8)
"""Proposals that are drafted in turn until there is one."""
_TRIED = 100.0
"""Acceptance is the mean over about so many proposals, …"""
_ASSUMED = (3.0, 4.0)
"""… and as if so many had been accepted of so many tried besides."""
_FROM_BEFORE = 8.0
"""What other sequences told of acceptance counts as so many proposals: another text, another acceptance."""


class Worth:
    """Decides how many of the proposals at hand a pass takes."""

    def __init__(self) -> None:
        self._passes: deque[tuple[int, float]] = deque(maxlen=_PASSES)
        """Tokens verified and seconds taken."""
        self._line: tuple[float, float] | None = None
        """Seconds of one token more and of a pass without any, as the last passes tell; None where they do not."""
        self._known: tuple[float, float] | None = None
        """The same as it was last told."""
        self._accepted = Mean(_TRIED)

    @property
    def acceptance(self) -> float:
        """That a proposal is accepted where the ones before it were, 0 … 1."""
        accepted, tried = _ASSUMED
        return (self._accepted.total + accepted) / (self._accepted.weight + tried)

    def begins_another(self) -> None:
        """Another sequence comes: what it accepts is soon learnt from it alone."""
        self._accepted = self._accepted.at_most(_FROM_BEFORE)

    def passed(self, seconds: float, sequences: Sequence[tuple[int, int]]) -> None:
        """A pass over sequences with (proposals, accepted ones) each."""
        self._passes.append((sum(1 + proposed for proposed, _ in sequences), seconds))
        for proposed, accepted in sequences:
            self._accepted.add(accepted, min(proposed, accepted + 1))
        self._line = None
        if len(self._passes) >= _FEWEST:
            with suppress(StatisticsError):  # all had as many tokens
                each, base = linear_regression(*zip(*self._passes, strict=True))
                self._line = self._known = max(0.0, each), base

    def take(self, offered: Sequence[int]) -> list[int]:
        """Of so many proposals for each sequence, how many make the tokens of the next pass cheapest.

        All, while passes were too few or too much alike to tell what one more costs.
        """
        return self._deepest(offered, *self._line) if self._line is not None else list(offered)

    def draft(self, most: int, request_s: float, token_s: float) -> int:
        """How many proposals to have drafted for a sequence alone, at so many seconds for all of them and for each.

        One at least, for what is not tried cannot be known to have become better.
        """
        if self._known is None:
            return min(most, _FIRST[len(self._passes) % len(_FIRST)])
        each, base = self._known
        return max(min(most, 1), self._deepest([most], each + token_s, base + request_s - token_s)[0])

    def _deepest(self, offered: Sequence[int], each: float, base: float) -> list[int]:
        """Proposals are taken, the likeliest first, as long as one more makes the mean token cheaper."""
        tokens = expected = float(len(offered))
        taken = [0] * len(offered)
        chance = 1.0
        for depth in range(max(offered, default=0)):
            chance *= self.acceptance
            for row, most in enumerate(offered):
                if most <= depth:
                    continue
                if chance * (base + each * tokens) < each * expected:
                    return taken
                taken[row] += 1
                tokens += 1
                expected += chance
        return taken
