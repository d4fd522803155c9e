"""What the client asks of each kind of server, whatever its language: `vllm` and `llama_cpp` speak two."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lr_demo.models.protocol import Finish, GenerationRequest, Message


@dataclass(frozen=True, slots=True)
class Delta:
    """What a server has written since the last one. Its text may lag behind its ids, and be cut inside the last."""

    token_ids: Sequence[int]
    text: str
    finish: Finish | None = None


class Dialect(Protocol):
    """A server's language. Every method raises `ModelError`."""

    @property
    def tells_passes(self) -> bool:
        """Whether a delta holds what one pass of the model wrote."""
        ...

    async def context_length(self) -> int:
        """Most tokens of prompt and answer together."""
        ...

    def generate(self, request: GenerationRequest, max_tokens: int) -> AsyncGenerator[Delta, None]:
        """Write; the last delta, and only it, has a finish. An end-of-sequence token's id is told."""
        ...

    async def next_token(self, prompt: Sequence[int], candidates: Collection[int]) -> Mapping[int, float]:
        """Log-probabilities (raw, at temperature 1) of the candidates that the server tells of."""
        ...

    async def detokenize(self, ids: Sequence[int], before: int | None) -> str:
        """The text of these ids where they follow `before`."""
        ...

    async def encode_plain(self, text: str) -> list[int]:
        """Ids of a text in which nothing is a special token."""
        ...

    async def encode_template(self, text: str, *, first: bool) -> list[int]:
        """Ids of a piece of the chat template's own text; the first piece gets what a prompt begins with."""
        ...

    async def render(self, messages: Sequence[Message]) -> str:
        """The chat in the model's template, ready for the assistant's answer."""
        ...


def as_chat(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as they go over the wire."""
    return [{"role": message.role, "content": message.content} for message in messages]
