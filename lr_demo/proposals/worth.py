"""How many proposals pay: what a pass of the target costs by its tokens, and how often proposals are right.

Verifying a proposal is not free where a pass is bound by computing: on a processor nine tokens cost twice one. Costs
are a straight line through the passes so far, acceptance is that of a proposal whose forerunners were right; old
passes count less and less, for load and text change.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

_KEPT = 0.97
"""What a pass counts for after the next one."""
_ASSUMED = (3.0, 4.0)
"""Proposals accepted and tried, before any was: as if so many were known, for good."""
_FEWEST = 4.0
"""Weight of the passes that a line needs."""


@dataclass
class PassCosts:
    """Seconds of a pass by the tokens that it verifies: least squares, the last passes first."""

    _weight: float = 0.0
    _tokens: float = 0.0
    _seconds: float = 0.0
    _tokens_2: float = 0.0
    _both: float = 0.0

    def add(self, tokens: int, seconds: float) -> None:
        """Take a pass."""
        self._weight = _KEPT * self._weight + 1
        self._tokens = _KEPT * self._tokens + tokens
        self._seconds = _KEPT * self._seconds + seconds
        self._tokens_2 = _KEPT * self._tokens_2 + tokens * tokens
        self._both = _KEPT * self._both + tokens * seconds

    def line(self) -> tuple[float, float] | None:
        """Seconds of a pass without tokens, and of each token in it; None while the passes were too few or alike."""
        spread = self._tokens_2 * self._weight - self._tokens**2
        if self._weight < _FEWEST or spread < self._weight**2 / 4:  # half a token of standard deviation
            return None
        each = max(0.0, (self._both * self._weight - self._tokens * self._seconds) / spread)
        return max(0.0, (self._seconds - each * self._tokens) / self._weight), each


@dataclass
class Worth:
    """Decides how many of the proposals at hand a pass takes."""

    costs: PassCosts = field(default_factory=PassCosts)
    _accepted: float = 0.0
    _tried: float = 0.0

    @property
    def acceptance(self) -> float:
        """That a proposal is accepted where the ones before it were, 0 … 1."""
        accepted, tried = _ASSUMED
        return (self._accepted + accepted) / (self._tried + tried)

    def passed(self, seconds: float, sequences: Sequence[tuple[int, int]]) -> None:
        """A pass over sequences with (proposals, accepted ones) each."""
        self.costs.add(sum(1 + proposed for proposed, _ in sequences), seconds)
        self._accepted *= _KEPT
        self._tried *= _KEPT
        for proposed, accepted in sequences:
            self._accepted += accepted
            self._tried += min(proposed, accepted + 1)

    def take(self, offered: Sequence[int]) -> list[int]:
        """Of so many proposals for each sequence, how many make the tokens of the next pass cheapest."""
        line = self.costs.line()
        if line is None:
            return list(offered)
        base, each = line
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
