"""What the engine asks of a language model. Token ids are the truth; text is derived from them."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Protocol

from lr_demo.proposals.index import Accompanied, DraftedTokens


class Finish(StrEnum):
    """Why a model stopped writing."""

    STOP = "stop"
    """A stop string was completed; the token that completes it is kept whole."""
    END = "end_of_sequence"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: str
    """`system`, `user` or `assistant`."""
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. `temperature` 0 is greedy; `top_k` 0 and `min_p` 0 are off."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0


GREEDY = Sampling()


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A request to go on after `prompt`, at most `max_tokens`, up to and including a stop string."""

    prompt: Sequence[int]
    max_tokens: int
    stop: tuple[str, ...] = ()
    sampling: Sampling = GREEDY
    seed: int = 0
    """0 … 2**31 − 1."""
    splits: tuple[str, ...] = ()
    """A chunk that comes as several tokens is split behind a token that completes one of these strings."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Newly written tokens. The last chunk of a generation, and only it, has a `finish`.

    The texts of all chunks together are the text of all ids together: a token's text may come with
    a later chunk (bytes of one character), but the last token is whole, also where it holds more
    than the stop string. An end-of-sequence token has its id here and no text.
    """

    token_ids: tuple[int, ...]
    text: str
    finish: Finish | None = None
    origin: str = ""
    """Where text comes from that no model wrote now, in words; the same up to a mark at which the request is split."""
    passes: tuple[int, ...] = ()
    """Tokens of each pass of the model behind it, in order; several in one are token-level speculation. Empty where the
    server does not tell passes apart. A pass that goes over the end of a chunk counts in both."""


def passes_between(passes: Sequence[int], begin: int, end: int) -> tuple[int, ...]:
    """Of passes with so many tokens each, what they wrote of the tokens `begin` … `end`."""
    if len(passes) == 1:  # nearly always
        return (end - begin,) if end > begin else ()
    ends = list(accumulate(passes))
    inside = (min(last, end) - max(last - tokens, begin) for tokens, last in zip(passes, ends, strict=True))
    return tuple(tokens for tokens in inside if tokens > 0)


class LanguageModel(Protocol):
    """A model that writes. Every method raises `ModelError` when the model does not answer as it should."""

    @property
    def name(self) -> str:
        """The model's name, for people."""
        ...

    @property
    def vocabulary(self) -> str:
        """Names the tokenizer: where two models' are equal, so are the ids of every text."""
        ...

    async def context_length(self) -> int:
        """Most tokens of prompt and answer together."""
        ...

    def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        """Write; closing the generator (`aclose`, or cancelling its task) ends the work at the server."""
        ...

    def suggest(self, drafted: DraftedTokens) -> None:
        """Say how a step may go on, in this model's ids: proposals for its token-level speculation.

        Never changes what is written; costs nothing where the server takes no proposals. Raises nothing.
        """
        ...

    def accompany(self, sequence: Accompanied, draft: "LanguageModel | None") -> None:
        """Say which model is to be asked, between two passes over a sequence, how it goes on; None: none any more.

        As `suggest`, for a draft with this model's tokenizer that has no device of its own.
        """
        ...

    async def choose(self, prompt: Sequence[int], choices: Sequence[str]) -> dict[str, float]:
        """Log-probability of each choice as the one next token (raw, at temperature 1; −inf where unknown).

        Each choice must be one token.
        """
        ...

    async def encode(self, text: str) -> list[int]:
        """Token ids of a text, without any special token added; special tokens in `text` stay plain text."""
        ...

    async def chat_prompt(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a chat in the model's template, ready for the assistant's answer."""
        ...


class Embedder(Protocol):
    """A sentence-embedding model."""

    @property
    def name(self) -> str: ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit-length vector per text."""
        ...
