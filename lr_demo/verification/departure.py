"""Where the target's step leaves a drafted one: from there on the two cannot be equal any more."""

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T", bound=Sequence[object])


class Departure(Generic[T]):
    """Reads the target's step piece by piece beside a drafted one: both token ids, or both text."""

    def __init__(self, drafted: T) -> None:
        self._drafted, self._read = drafted, 0

    def after(self, piece: T) -> bool:
        """Whether what was read, this piece included, is no beginning of the drafted step."""
        begin, self._read = self._read, self._read + len(piece)
        return self._drafted[begin : self._read] != piece
