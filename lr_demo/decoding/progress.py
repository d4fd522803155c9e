"""How far a run is and how far ahead it drafts, where several ways of decoding take turns in it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """How far and how widely steps are drafted."""

    lookahead: int
    """γ."""
    width: int = 1
    """W."""
    ahead: bool = False
    """γ 0: whether the draft writes beside the target all the same, for the target's token proposals."""


@dataclass
class Progress:
    """The names and places that come next."""

    position: int = 0
    """Id of the next position of the tree."""
    step: int = 0
    """Index of the next step in the answer."""
    cycle: int = 0
    tokens: int = 0
    """Tokens of the answer so far, as the target counts them."""

    def next_position(self) -> int:
        """A new id."""
        self.position += 1
        return self.position - 1

    def next_cycle(self) -> int:
        """The number of a cycle that begins."""
        self.cycle += 1
        return self.cycle - 1
