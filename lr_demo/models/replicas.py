"""Several servers of one model as one language model: each request goes to the one with the least to do."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

from lr_demo.errors import ModelError, RequestRefused
from lr_demo.models.protocol import Chunk, GenerationRequest, LanguageModel, Message
from lr_demo.proposals.index import Accompanied, DraftedTokens

AVOIDED_S = 10.0
"""Seconds for which a replica that failed is asked only where every other failed as well."""


@dataclass
class _Replica:
    model: LanguageModel
    in_flight: int = 0
    avoided_until: float = 0.0
    """On the loop's clock."""


class Replicas:
    """Implements `LanguageModel`. A request that fails is not tried elsewhere: that is for the engine to say.

    The replicas must be of the same model, so that a prompt of one's token ids means the same to all.
    """

    def __init__(self, models: Sequence[LanguageModel]) -> None:
        self._replicas = [_Replica(model) for model in models]

    @property
    def name(self) -> str:
        return self._replicas[0].model.name

    @property
    def vocabulary(self) -> str:
        return self._replicas[0].model.vocabulary

    async def context_length(self) -> int:
        """See `LanguageModel.context_length`."""
        with self._one() as model:
            return await model.context_length()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        """See `LanguageModel.generate`."""
        with self._one() as model:
            async with aclosing(model.generate(request)) as chunks:
                async for chunk in chunks:
                    yield chunk

    def suggest(self, drafted: DraftedTokens) -> None:
        """See `LanguageModel.suggest`. To all of them: any may have the sequence."""
        for replica in self._replicas:
            replica.model.suggest(drafted)

    def accompany(self, sequence: Accompanied, draft: LanguageModel | None) -> None:
        """See `LanguageModel.accompany`. Likewise."""
        for replica in self._replicas:
            replica.model.accompany(sequence, draft)

    async def choose(self, prompt: Sequence[int], choices: Sequence[str]) -> dict[str, float]:
        """See `LanguageModel.choose`."""
        with self._one() as model:
            return await model.choose(prompt, choices)

    async def encode(self, text: str) -> list[int]:
        """See `LanguageModel.encode`."""
        with self._one() as model:
            return await model.encode(text)

    async def chat_prompt(self, messages: Sequence[Message]) -> list[int]:
        """See `LanguageModel.chat_prompt`."""
        with self._one() as model:
            return await model.chat_prompt(messages)

    @contextmanager
    def _one(self) -> Iterator[LanguageModel]:
        """The replica for a request: with the fewest in flight, the first of them on a tie."""
        now = asyncio.get_running_loop().time()
        replica = min(self._replicas, key=lambda each: (each.avoided_until > now, each.in_flight))
        replica.in_flight += 1
        try:
            yield replica.model
            replica.avoided_until = 0.0
        except RequestRefused:  # it answers
            raise
        except ModelError:
            replica.avoided_until = asyncio.get_running_loop().time() + AVOIDED_S
            raise
        finally:
            replica.in_flight -= 1
