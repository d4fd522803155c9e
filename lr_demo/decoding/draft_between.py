"""Token-level speculation from a draft on the target's own cores: its server asks the draft between two passes.

There the draft would slow the target down by as much as it writes beside it, and most of what it wrote would be lost.
"""

import asyncio
from collections.abc import Sequence

from lr_demo.decoding.attendance import Attendance
from lr_demo.decoding.draft_text import DraftText
from lr_demo.decoding.suggesting import Accompaniment
from lr_demo.errors import ModelError
from lr_demo.models.protocol import LanguageModel

_TOLD_AGAIN = 1024
"""Tokens after which the server is told anew which sequence it is: it looks back about twice as far."""


class DraftBetween:
    """Has the draft asked about what the target writes. `run` it beside the target, and tell it what that is.

    Needs a draft with the target's tokenizer. One that fails costs its proposals; the target's server finds out by
    itself, and asks it again later.
    """

    def __init__(self, target: LanguageModel, draft_text: DraftText, draft: Attendance, prompt: Sequence[int]) -> None:
        """`draft`: whether the draft is there; open while this runs."""
        self._target, self._draft_text, self._draft = target, draft_text, draft
        self.wanted = True
        """While it is not, the draft is not asked, from the next token on."""
        self._text = list(prompt)
        self._told = 0
        """Length of the text when the server was told of it."""
        self._running = False
        self._accompaniment: Accompaniment | None = None

    def follow(self, text: Sequence[int]) -> None:
        """Prompt and answer are so far: what was not told of the answer follows."""
        self.written(text[len(self._text) :])

    def written(self, ids: Sequence[int]) -> None:
        """The target wrote these tokens."""
        self._text += ids
        self._tell()

    def taken_back(self, tokens: int) -> None:
        """The target's last tokens do not count: it writes them again."""
        del self._text[len(self._text) - tokens :]
        self._rest()
        self._tell()

    async def run(self) -> None:
        """Until cancelled; it may be run again later. First the draft reads the prompt: nobody is to wait for that."""
        try:
            await self._draft_text.prove()
        except ModelError as error:
            self._draft.lost(str(error))
        self._running = True
        self._tell()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._running = False
            self._rest()

    def _tell(self) -> None:
        """Say which sequence it is, or that it is none any more."""
        on = self._running and self.wanted and not self._draft.away
        if not on or len(self._text) - self._told >= _TOLD_AGAIN:
            self._rest()
        if on and self._accompaniment is None:
            self._told = len(self._text)
            self._accompaniment = Accompaniment(self._target, self._draft_text.model, self._text)

    def _rest(self) -> None:
        if self._accompaniment is not None:
            self._accompaniment.end()
            self._accompaniment = None
