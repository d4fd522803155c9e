"""The draft's own ids of prompt and accepted text, where its tokenizer is another than the target's, too."""

from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from lr_demo import limits
from lr_demo.decoding.step import in_time
from lr_demo.events import Role
from lr_demo.models.protocol import GenerationRequest, LanguageModel, Message


@dataclass(frozen=True, slots=True)
class _Chat:
    messages: Sequence[Message]


_Piece = _Chat | tuple[int, ...] | str
"""The prompt; a step's ids, known already; a step's text."""


class DraftText:
    """What the draft goes on from. A step of the target crosses over as text where the tokenizers differ.

    It begins with nothing, and is complete once the draft has caught up: a draft that is away when the run
    starts takes part when it comes.
    """

    def __init__(self, draft: LanguageModel, messages: Sequence[Message], same_vocabulary: bool) -> None:
        self.ids: list[int] = []
        self.model, self.same_vocabulary = draft, same_vocabulary
        self._behind: deque[_Piece] = deque([_Chat(messages)])
        """What the draft does not have the ids of yet, in order."""

    @property
    def complete(self) -> bool:
        """Whether the draft has the ids of all accepted text."""
        return not self._behind

    def append_drafted(self, ids: tuple[int, ...]) -> None:
        """A step of the draft's own was accepted."""
        assert self.complete
        self.ids += ids

    def append_target(self, ids: tuple[int, ...], text: str) -> None:
        """A step of the target's was taken: `ids` are the target's."""
        if not self.same_vocabulary:
            self._behind.append(text)
        elif self.complete:
            self.ids += ids
        else:
            self._behind.append(ids)

    async def catch_up(self) -> None:
        """Ask the draft for the ids that are missing.

        Raises:
            ModelError: the draft did not answer in time; what it had answered is kept.
        """
        while self._behind:
            self.ids += await self._ids_of(self._behind[0])
            self._behind.popleft()

    async def _ids_of(self, piece: _Piece) -> Sequence[int]:
        match piece:
            case str():
                return await in_time(self.model, self.model.encode(piece), limits.silence_s(Role.DRAFT))
            case tuple():
                return piece
            case _Chat():
                return await in_time(self.model, self.model.chat_prompt(piece.messages), limits.silence_s(Role.DRAFT))

    async def prove(self) -> None:
        """Have the draft catch up and write a few tokens: it works.

        Raises:
            ModelError: it does not.
        """
        await self.catch_up()
        await in_time(self.model, self._write_a_little(), limits.silence_s(Role.DRAFT, unread=len(self.ids)))
        await self.catch_up()  # with what was accepted meanwhile

    async def _write_a_little(self) -> None:
        request = GenerationRequest(self.ids.copy(), limits.PROOF_TOKENS)
        async with aclosing(self.model.generate(request)) as chunks:
            async for _ in chunks:
                pass
