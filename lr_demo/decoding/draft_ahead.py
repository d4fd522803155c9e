"""Token-level speculation from a draft beside the target: the draft writes on ahead, its text becomes proposals.

The target decodes on by itself and never waits; where the draft is slow, wrong or gone, there are just no proposals.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

from lr_demo.decoding.attendance import Attendance
from lr_demo.decoding.draft_text import DraftText
from lr_demo.decoding.sampling import request_seed
from lr_demo.decoding.step import Emit, never_silent
from lr_demo.decoding.suggesting import Suggestion
from lr_demo.errors import ModelError
from lr_demo.events import DraftedAhead, Role
from lr_demo.mean import Mean
from lr_demo.models.protocol import Finish, GenerationRequest, LanguageModel, Sampling

_LEAST, _MOST = 4, 48
"""Tokens of one request to the draft. When the target has used half of them the draft goes on."""
_USUAL, _KEPT = 8.0, 5.0
"""Tokens that the draft writes as the target does before it begins again: so many at first, then the mean over about
so many times."""


class DraftAhead:
    """Keeps the draft writing from where the target is. `run` it beside the target, and tell it what the target writes.

    Needs a draft with the target's tokenizer.
    """

    def __init__(
        self,
        target: LanguageModel,
        draft_text: DraftText,
        draft: Attendance,
        sampling: Sampling,
        prompt: Sequence[int],
        seed: int,
        emit: Emit,
    ) -> None:
        """`draft`: whether the draft is there; open while this runs."""
        self._target, self._draft_text, self._sampling = target, draft_text, sampling
        self._draft = draft
        self.wanted = True
        """While it is not, the draft rests and nothing of its text is proposed, from the next token on."""
        self._prompt, self._seed, self._emit = prompt, seed, emit
        self._answer: list[int] = []
        """What the target wrote."""
        self._drafted: list[int] = []
        """What the draft holds it for: an answer from the same start."""
        self._begin = 0
        """Place in the answer of the first drafted token; what is before is the target's own."""
        self._agreed = 0
        """So many tokens of both were compared and are the same."""
        self._confirmed: list[int] = []
        """Places in the answer that the draft wrote as the target did, in order."""
        self._tokens = 0
        """Tokens the draft wrote."""
        self._told = DraftedAhead(tokens=0, confirmed=0)
        self._diverged = False
        self._agreeing = Mean(_KEPT, _KEPT, _KEPT * _USUAL)
        """Tokens that the target had too, each time before the draft began again."""
        self._ended = False
        """The draft ended its answer."""
        self._news = asyncio.Event()
        self._suggestions: list[Suggestion] = []

    @property
    def at_work(self) -> bool:
        """Whether it drafts for the target."""
        return self.wanted

    @property
    def reads(self) -> bool:
        """Whether it reads the prompt: on a device of its own that costs the target nothing."""
        return False

    def follow(self, text: Sequence[int]) -> None:
        """Prompt and answer are so far: what was not told of the answer follows."""
        self.written(text[len(self._prompt) + len(self._answer) :])

    def written(self, ids: Sequence[int]) -> None:
        """The target wrote these tokens."""
        self._answer += ids
        self._compare()
        self._news.set()

    def taken_back(self, tokens: int) -> None:
        """The target's last tokens do not count: it writes them again."""
        del self._answer[len(self._answer) - tokens :]
        self._agreed = min(self._agreed, len(self._answer))
        while self._confirmed and self._confirmed[-1] >= len(self._answer):
            self._confirmed.pop()

    async def run(self) -> None:
        """Draft until cancelled; it may be run again later."""
        while True:
            await self._until(self._on)
            try:
                await self._draft_while_wanted()
            except ModelError as error:
                self._draft.lost(str(error))
            finally:
                self._rest()

    async def _draft_while_wanted(self) -> None:
        await self._draft_text.catch_up()
        while self._on():
            await self._draft_on()
            self._draft.works()
            await self._until(lambda: not self._on() or self._needed)

    def _on(self) -> bool:
        return self.wanted and not self._draft.away

    def _rest(self) -> None:
        """Nothing that was drafted is proposed any more."""
        while self._suggestions:
            self._suggestions.pop().withdraw()
        del self._drafted[len(self._answer) :]
        self._diverged = True
        self._tell()

    async def _draft_on(self) -> None:
        """One request: from what was drafted while the target agrees, else from what the target wrote."""
        if self._diverged or len(self._answer) > len(self._drafted):
            self._agreeing.add(self._agreed - self._begin)
            self._drafted = self._answer.copy()
            self._begin = self._agreed = len(self._answer)
            self._diverged = self._ended = False
        start = len(self._drafted)
        suggestion = Suggestion(self._target, [*self._prompt, *self._drafted])
        self._suggestions.append(suggestion)
        request = GenerationRequest(
            prompt=self._draft_text.ids + self._drafted,
            max_tokens=self._reach,
            sampling=self._sampling,
            seed=request_seed(self._seed, Role.DRAFT, start, 0),
        )
        model = self._draft_text.model
        listening = never_silent(model, Role.DRAFT, unread=len(request.prompt))
        try:
            async with listening as heard, aclosing(model.generate(request)) as chunks:
                async for chunk in chunks:
                    heard()
                    self._draft.heard()
                    self._drafted += chunk.token_ids
                    self._tokens += len(chunk.token_ids)
                    suggestion.add(chunk.token_ids)
                    self._compare()
                    if self._diverged or not self._on():
                        return
                    if chunk.finish is not None:
                        self._ended = chunk.finish is Finish.END
                        return
        finally:
            self._tell()

    def _compare(self) -> None:
        both = min(len(self._answer), len(self._drafted))
        while self._agreed < both and self._answer[self._agreed] == self._drafted[self._agreed]:
            if self._agreed >= self._begin:
                self._confirmed.append(self._agreed)
            self._agreed += 1
        self._diverged = self._diverged or self._agreed < both

    def _tell(self) -> None:
        """Say what the draft has written so far, where that is more than was said."""
        now = DraftedAhead(tokens=self._tokens, confirmed=len(self._confirmed))
        if (now.tokens, now.confirmed) != (self._told.tokens, self._told.confirmed):
            self._told = now
            self._emit(now)

    @property
    def _reach(self) -> int:
        """Tokens to write: twice what is usually right. More is mostly lost, and slows a target on the same cores."""
        return min(_MOST, max(_LEAST, round(2 * max(self._agreeing.value(0.0), self._agreed - self._begin))))

    @property
    def _needed(self) -> bool:
        """Whether the target went another way, or has used half of what was drafted."""
        return self._diverged or not (self._ended or len(self._drafted) - len(self._answer) > self._reach // 2)

    async def _until(self, true: Callable[[], bool]) -> None:
        """Until something is true, as asked whenever the target has written."""
        while not true():
            self._news.clear()
            await self._news.wait()
