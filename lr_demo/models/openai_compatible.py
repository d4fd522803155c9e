"""A language model behind an OpenAI-compatible server: what both dialects' deltas make, kept to the protocol."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from math import inf

from lr_demo.errors import ModelError, RequestRefused
from lr_demo.models.chat_template import ChatTemplate
from lr_demo.models.connection import Connection
from lr_demo.models.dialect import Dialect
from lr_demo.models.llama_cpp import LlamaCpp
from lr_demo.models.protocol import Chunk, Finish, GenerationRequest, LanguageModel, Message, passes_between
from lr_demo.models.vllm import Vllm
from lr_demo.proposals.channel import Sender
from lr_demo.proposals.index import Accompanied, DraftedTokens
from lr_demo.serving.endpoint import Endpoint

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
_REMEMBERED_TEXTS = 4096


class OpenAIModel:
    """Implements `LanguageModel` over HTTP; `given_up` as in `Connection`. Close it when done."""

    def __init__(self, endpoint: Endpoint, given_up: Callable[[], str | None] = lambda: None) -> None:
        self._endpoint = endpoint
        self._connection = Connection(endpoint, given_up)
        self._dialect: Dialect = (
            LlamaCpp(self._connection) if endpoint.dialect == "llama.cpp" else Vllm(self._connection)
        )
        self._template = ChatTemplate(endpoint.name, self._dialect)
        self._proposals = Sender(endpoint.proposals) if endpoint.proposals is not None else None
        self._context: int | None = None
        self._choices: dict[str, int] = {}
        self._texts: dict[tuple[int | None, tuple[int, ...]], str] = {}

    @property
    def endpoint(self) -> Endpoint:
        """Where it is reached."""
        return self._endpoint

    @property
    def name(self) -> str:
        return self._endpoint.name

    @property
    def vocabulary(self) -> str:
        return self._endpoint.vocabulary

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        """See `LanguageModel.generate`.

        A chunk goes out when its text is whole. Where the token limit falls inside a character, the
        tokens of that character are left out: the next step writes them again.
        """
        max_tokens = min(request.max_tokens, await self._room(request.prompt))
        before: int | None = request.prompt[-1] if request.prompt else None
        last = _Piece(before)
        piece = _Piece(before)
        splitting = _Splitting(request.splits, self._text)
        async with aclosing(self._dialect.generate(request, max_tokens)) as deltas:
            async for delta in deltas:
                piece.ids += delta.token_ids
                if self._dialect.tells_passes and delta.token_ids:
                    piece.passes.append(len(delta.token_ids))
                piece.text += delta.text
                if delta.finish is not None:
                    for chunk in await splitting.parts(await self._last_chunk(piece, last, delta.finish), piece.before):
                        yield chunk
                    return
                if piece.text:
                    whole = Chunk(tuple(piece.ids), piece.text, passes=tuple(piece.passes))
                    for chunk in await splitting.parts(whole, piece.before):
                        yield chunk
                    last, piece = piece, _Piece(piece.ids[-1] if piece.ids else piece.before)
        raise ModelError(f"{self.name} broke off its answer: the connection ended before the answer did")

    async def context_length(self) -> int:
        """See `LanguageModel.context_length`. The server is asked once."""
        if self._context is None:
            self._context = await self._dialect.context_length()
        return self._context

    def suggest(self, drafted: DraftedTokens) -> None:
        """See `LanguageModel.suggest`."""
        if self._proposals is not None:
            self._proposals.send(drafted)

    def accompany(self, sequence: Accompanied, draft: LanguageModel | None) -> None:
        """See `LanguageModel.accompany`; the draft has to be on llama.cpp, at one address."""
        if self._proposals is None:
            return
        if draft is None:
            self._proposals.send(sequence)
        elif isinstance(draft, OpenAIModel) and draft.endpoint.dialect == "llama.cpp":
            self._proposals.send(replace(sequence, draft=draft.endpoint.base_url.removesuffix("/v1")))

    async def choose(self, prompt: Sequence[int], choices: Sequence[str]) -> dict[str, float]:
        """See `LanguageModel.choose`."""
        await self._room(prompt)
        ids = {choice: await self._choice(choice) for choice in choices}
        told = await self._dialect.next_token(prompt, ids.values())
        return {choice: told.get(token, -inf) for choice, token in ids.items()}

    async def encode(self, text: str) -> list[int]:
        """See `LanguageModel.encode`."""
        return await self._dialect.encode_plain(text) if text else []

    async def chat_prompt(self, messages: Sequence[Message]) -> list[int]:
        """See `LanguageModel.chat_prompt`. Special tokens in a message are plain text, too."""
        return await self._template.encode(messages)

    async def close(self) -> None:
        """Close every connection to the server."""
        await self._connection.close()
        if self._proposals is not None:
            self._proposals.close()

    async def _room(self, prompt: Sequence[int]) -> int:
        """Most tokens the model can write after a prompt."""
        context = await self.context_length()
        room = context - len(prompt)
        if room < 1:
            raise RequestRefused(
                f"the prompt of {len(prompt):,} tokens is too long for {self.name}, which takes {context:,} "
                "tokens of prompt and answer together: shorten it, or give the server a longer context"
            )
        return room

    async def _choice(self, choice: str) -> int:
        if choice not in self._choices:
            ids = await self._dialect.encode_plain(choice)
            if len(ids) != 1:
                raise ModelError(
                    f"the choice {choice!r} is {len(ids)} tokens of {self.name}, not one: it cannot be chosen with a "
                    "single token"
                )
            self._choices[choice] = ids[0]
        return self._choices[choice]

    async def _last_chunk(self, piece: "_Piece", last: "_Piece", finish: Finish) -> Chunk:
        """The chunk that ends an answer, with the text that the server cut off or held back."""
        ending = piece.ids[-1:] if finish is Finish.END else []
        written = piece.ids[: len(piece.ids) - len(ending)]
        if not written and finish is Finish.STOP:  # the stop string was completed by a token that has gone out
            text = await self._missing(last.before, last.ids, last.text)
        elif not written:
            text = piece.text
        elif finish is Finish.STOP:
            text = piece.text + await self._missing(piece.before, written, piece.text)
        else:
            written, text = await self._whole(piece.before, written)
        ids = (*written, *ending)
        return Chunk(ids, text, finish, passes=passes_between(piece.passes, 0, len(ids)))

    async def _missing(self, before: int | None, ids: Sequence[int], text: str) -> str:
        """What `text` lacks of the text of `ids`."""
        full = await self._text(before, tuple(ids))
        return full.removeprefix(text) if full.startswith(text) else ""

    async def _whole(self, before: int | None, ids: Sequence[int]) -> tuple[list[int], str]:
        """`ids` without those of an incomplete character at their end, and their text."""
        kept = list(ids)
        while kept:
            text = await self._text(before, tuple(kept))
            if text and not text.endswith(_INCOMPLETE):
                return kept, text
            kept.pop()
        return [], ""

    async def _text(self, before: int | None, ids: tuple[int, ...]) -> str:
        """The text of ids; steps end with few different tokens, so it is remembered."""
        text = self._texts.get((before, ids))
        if text is None:
            text = await self._dialect.detokenize(ids, before)
            if len(self._texts) >= _REMEMBERED_TEXTS:
                self._texts.clear()
            self._texts[before, ids] = text
        return text


class _Piece:
    """Ids and their text, as far as it has arrived."""

    def __init__(self, before: int | None) -> None:
        self.before = before
        """The id in front of them."""
        self.ids: list[int] = []
        self.text = ""
        self.passes: list[int] = []


class _Splitting:
    """Splits chunks of several tokens behind those that complete a mark; keeps the end of what has gone out."""

    def __init__(
        self, marks: tuple[str, ...], text_of: Callable[[int | None, tuple[int, ...]], Awaitable[str]]
    ) -> None:
        self._marks, self._text_of = marks, text_of
        self._tail = ""

    async def parts(self, chunk: Chunk, before: int | None) -> list[Chunk]:
        """The chunk in parts, of which the last one has its finish. A text is asked for only where a mark is in it."""
        if not self._marks:
            return [chunk]
        ids, text = chunk.token_ids, chunk.text
        parts: list[Chunk] = []
        begin = start = 0
        for end in range(1, len(ids)):
            if not self._marked(text[start:]):
                break
            written = await self._text_of(before, ids[:end])
            if text.startswith(written) and self._marked(written[start:]):
                passes = passes_between(chunk.passes, begin, end)
                parts.append(Chunk(ids[begin:end], written[start:], passes=passes))
                begin, start, self._tail = end, len(written), ""
        passes = passes_between(chunk.passes, begin, len(ids))
        rest = replace(chunk, token_ids=ids[begin:], text=text[start:], passes=passes)
        self._tail = "" if self._marked(rest.text) else (self._tail + rest.text)[-max(map(len, self._marks)) :]
        return [*parts, rest]

    def _marked(self, text: str) -> bool:
        return any(mark in self._tail + text for mark in self._marks)
