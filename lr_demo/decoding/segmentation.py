"""Where a reasoning step ends."""

from dataclasses import dataclass
from typing import Protocol


class Segmenter(Protocol):
    """Splits an answer into steps."""

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that complete a step; servers stop at them."""
        ...

    def completes(self, text: str, new_from: int) -> bool:
        """Whether a step's text holds a boundary that ends at or after `new_from` (characters): O(new text)."""
        ...


@dataclass(frozen=True)
class MarkSegmenter:
    """A step ends with one of these strings; by default with a blank line."""

    stop: tuple[str, ...] = ("\n\n",)

    def completes(self, text: str, new_from: int) -> bool:
        return any(mark in text[max(0, new_from - len(mark) + 1) :] for mark in self.stop)


BLANK_LINE: Segmenter = MarkSegmenter()
