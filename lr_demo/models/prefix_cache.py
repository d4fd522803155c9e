"""What a server with a shared prefix cache has read already, in blocks of tokens as vLLM keeps them."""

from collections.abc import Sequence

BLOCK = 16
"""Tokens of a block; only whole blocks are kept."""


class PrefixCache:
    """Remembers every prompt, and never forgets."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, tuple[int, ...]], int] = {}
        """(block before it, its tokens) to its number."""

    def read(self, prompt: Sequence[int]) -> int:
        """Tokens of a prompt that were not there yet; now they are."""
        ids = list(prompt)
        before, known = 0, 0
        for start in range(0, len(ids) - BLOCK + 1, BLOCK):
            key = before, tuple(ids[start : start + BLOCK])
            if key in self._blocks:
                known += BLOCK
            before = self._blocks.setdefault(key, len(self._blocks) + 1)
        return len(ids) - known
