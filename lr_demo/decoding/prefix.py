"""A request's prompt without a copy of the text before it: what is accepted only ever grows."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import overload


class Prefix(Sequence[int]):
    """The ids of `text` as long as it is now, then those of `beyond`. O(1) however long the text is.

    `text` may grow at its end afterwards, which changes nothing here; nothing else may happen to it.
    """

    __slots__ = ("_beyond", "_length", "_text")

    def __init__(self, text: Sequence[int], beyond: Sequence[int] = (), length: int | None = None) -> None:
        """`length`: of the part of `text` that counts; None: all there is of it now."""
        self._text, self._length, self._beyond = text, len(text) if length is None else length, beyond

    def followed_by(self, ids: Sequence[int]) -> "Prefix":
        """This one and then these ids; as far as the text has grown to be them, they are taken from there."""
        text, begin, beyond = self._text, self._length, [*self._beyond, *ids]
        grown = text[begin : begin + len(beyond)]
        same = len(grown) if grown == beyond[: len(grown)] else 0
        return Prefix(text, beyond[same:], begin + same)

    def __len__(self) -> int:
        return self._length + len(self._beyond)

    def __iter__(self) -> Iterator[int]:
        return chain(islice(self._text, self._length), self._beyond)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice) and index.step is None:  # what requests are cut with: as fast as a list's
            begin, end, _ = index.indices(len(self))
            length = self._length
            text = self._text[begin : min(end, length)]
            return [*text, *self._beyond[max(0, begin - length) : max(0, end - length)]]
        places = range(len(self))[index]
        return self._at(places) if isinstance(places, int) else [self._at(place) for place in places]

    def _at(self, place: int) -> int:
        return self._text[place] if place < self._length else self._beyond[place - self._length]
