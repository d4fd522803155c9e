"""What the target is told of the draft's text, for its token-level speculation: a step while it is being written, or
which sequence to ask the draft about."""

import random
from collections.abc import Sequence

from lr_demo.models.protocol import LanguageModel
from lr_demo.proposals.index import ANCHOR, Accompanied, DraftedTokens


class Suggestion:
    """One drafted piece of text that follows a prefix of the target's sequence."""

    def __init__(self, target: LanguageModel, prefix: Sequence[int]) -> None:
        """`prefix` in the target's ids, prompt included."""
        self._target = target
        self._name = random.getrandbits(64)
        self._prefix_length, self._anchor = len(prefix), tuple(prefix[-ANCHOR:])
        self._told = 0

    def add(self, ids: Sequence[int]) -> None:
        """More tokens of it, in the target's ids."""
        if ids:
            drafted = DraftedTokens(self._name, self._prefix_length, self._anchor, self._told, tuple(ids))
            self._target.suggest(drafted)
            self._told += len(ids)

    def withdraw(self) -> None:
        """The run has ended: a later one of the same prompt must not profit from it."""
        if self._told:
            self._target.suggest(DraftedTokens(self._name, self._prefix_length, (), self._told, ()))
            self._told = 0


class Accompaniment:
    """The target's server asks the draft between its passes over one sequence."""

    def __init__(self, target: LanguageModel, draft: LanguageModel, prefix: Sequence[int]) -> None:
        """`prefix`: the sequence so far, in the ids of both, prompt included."""
        self._target = target
        self._sequence = Accompanied(random.getrandbits(64), len(prefix), tuple(prefix[-ANCHOR:]))
        target.accompany(self._sequence, draft)

    def end(self) -> None:
        """The draft is not to be asked any more."""
        self._target.accompany(self._sequence, None)
