"""The draft's own ids of prompt and accepted text, where its tokenizer is another than the target's, too."""

from collections import deque

from lr_demo.models.protocol import LanguageModel


class DraftText:
    """What the draft goes on from. A step of the target crosses over as text where the tokenizers differ."""

    def __init__(self, draft: LanguageModel, prompt: list[int], same_vocabulary: bool) -> None:
        self.ids = list(prompt)
        self._draft, self._same_vocabulary = draft, same_vocabulary
        self._behind: deque[str] = deque()
        """Texts of steps whose ids the draft does not have yet, in order."""

    @property
    def complete(self) -> bool:
        """Whether the draft has the ids of all accepted text."""
        return not self._behind

    def append_drafted(self, ids: tuple[int, ...]) -> None:
        """A step of the draft's own was accepted."""
        self.ids += ids

    def append_target(self, ids: tuple[int, ...], text: str) -> None:
        """A step of the target's was taken: `ids` are the target's."""
        if self._same_vocabulary:
            self.ids += ids
        else:
            self._behind.append(text)

    async def catch_up(self) -> None:
        """Ask the draft for the ids that are missing.

        Raises:
            ModelError: the draft did not answer; what it had answered is kept.
        """
        while self._behind:
            self.ids += await self._draft.encode(self._behind[0])
            self._behind.popleft()
