"""Token-level speculation from a draft on the target's own cores: its server asks the draft between two passes.

There the draft would slow the target down by as much as it writes beside it, and most of what it wrote would be lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from lr_demo.decoding.attendance import Attendance
from lr_demo.decoding.draft_text import DraftText
from lr_demo.decoding.step import in_time
from lr_demo.decoding.suggesting import Accompaniment
from lr_demo.errors import ModelError
from lr_demo.models.protocol import LanguageModel

_TOLD_AGAIN = 1024
"""Tokens after which the server is told anew which sequence it is: it looks back about twice as far."""
_LOOKED_AT = 64
"""Tokens after which it is looked whether the draft's server is still there."""
_FIRST = 3
"""The draft reads the prompt when the target has written so many tokens, with no other run: beside the target's own
reading it would make the reader wait for the first one, and an answer of two words has no use for it."""
_READ_AT_ONCE = 256
"""Tokens of a text that it reads while the target waits, as it writes: a second on two cores. A longer one it reads
beside the target, which both take longer for, but the answer goes on."""
_UNTIL_READ = 2
"""Passes of the target, from when its server is told, in one of which it waits for that."""


class DraftBetween:
    """Has the draft asked about what the target writes. `run` it beside the target, and tell it what that is.

    Needs a draft with the target's tokenizer. One that fails costs its proposals: the target's server finds out by
    itself, and asks it again later; here it is found out in order to be said.
    """

    def __init__(
        self,
        target: LanguageModel,
        draft_text: DraftText,
        draft: Attendance,
        prompt: Sequence[int],
        alone: Callable[[], bool],
    ) -> None:
        """`draft`: whether the draft is there; open while this runs.

        `alone`: whether no other run has the target. Of several, each would wait for the drafts of all: none is asked.
        """
        self._target, self._draft_text, self._draft, self._alone = target, draft_text, draft, alone
        self.wanted = True
        """While it is not, the draft is not asked, from the next token on."""
        self._text = list(prompt)
        self._by_itself = len(prompt)
        """Length of the text from which on the run has had the target alone."""
        self._told = 0
        """Length of the text when the server was told of it."""
        self._looked = len(self._text)
        """Its length when it was last looked whether the draft is there."""
        self._news = asyncio.Event()
        self._running = False
        self._accompaniment: Accompaniment | None = None
        self._until_read = 0
        """Passes in one of which the target waits until the draft has read the text."""
        self._reads_beside = False

    @property
    def at_work(self) -> bool:
        """Whether the draft is asked."""
        return self._accompaniment is not None

    @property
    def reads(self) -> bool:
        """Whether the draft reads the prompt, which slows a target on the same cores down."""
        return self._reads_beside or (self.at_work and self._until_read > 0)

    def follow(self, text: Sequence[int]) -> None:
        """Prompt and answer are so far: what was not told of the answer follows."""
        self.written(text[len(self._text) :])

    def written(self, ids: Sequence[int]) -> None:
        """The target wrote these tokens."""
        self._text += ids
        if self.at_work:
            self._until_read = max(0, self._until_read - 1)
        if not self._alone():
            self._by_itself = len(self._text)
        self._tell()
        if not self._running or len(self._text) - self._looked >= _LOOKED_AT:
            self._looked = len(self._text)
            self._news.set()

    def taken_back(self, tokens: int) -> None:
        """The target's last tokens do not count: it writes them again."""
        del self._text[len(self._text) - tokens :]
        self._by_itself = min(self._by_itself, len(self._text))
        self._rest()
        self._tell()

    async def run(self) -> None:
        """Until cancelled; it may be run again later."""
        try:
            while not self._due:
                await self._more()
            if len(self._text) > _READ_AT_ONCE:
                self._reads_beside = True
                await self._sign(self._draft_text.prove())
                self._reads_beside = False
            else:
                await self._sign(self._there())
                self._until_read = _UNTIL_READ
            self._running = True
            while True:
                self._tell()
                await self._more()
                if not self._draft.away:
                    await self._sign(self._there())
        finally:
            self._reads_beside = self._running = False
            self._until_read = 0
            self._rest()

    @property
    def _due(self) -> bool:
        return self.wanted and self._alone() and len(self._text) - self._by_itself >= _FIRST

    async def _more(self) -> None:
        """Until the target has written on."""
        self._news.clear()
        await self._news.wait()

    async def _there(self) -> None:
        """Returns if the draft's server is there."""
        await in_time(self._draft_text.model, self._draft_text.model.encode("?"))

    async def _sign(self, answer: Awaitable[object]) -> None:
        try:
            await answer
        except ModelError as error:
            self._draft.lost(str(error))

    def _tell(self) -> None:
        """Say which sequence it is, or that it is none any more."""
        on = self._running and self._due and not self._draft.away
        if not on or len(self._text) - self._told >= _TOLD_AGAIN:
            self._rest()
        if on and self._accompaniment is None:
            self._told = len(self._text)
            self._accompaniment = Accompaniment(self._target, self._draft_text.model, self._text)

    def _rest(self) -> None:
        if self._accompaniment is not None:
            self._accompaniment.end()
            self._accompaniment = None
