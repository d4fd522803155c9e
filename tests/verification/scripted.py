"""Fake models for verifiers: they say what a test tells them to."""

import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from lr_demo.models.protocol import Chunk, GenerationRequest, LanguageModel, Message
from lr_demo.proposals.index import Accompanied, DraftedTokens


@dataclass
class ScriptedJudge:
    """A fake model that gives one token the log-probabilities it is told to."""

    logprobs: dict[str, float]
    name: str = "judge"
    vocabulary: str = "letters"
    asked: list[str] = field(default_factory=list)
    chats: int = 0

    async def context_length(self) -> int:
        return 4096

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        raise AssertionError("a judge chooses; it never writes")
        yield

    def suggest(self, drafted: DraftedTokens) -> None:
        """It takes none."""

    def accompany(self, sequence: Accompanied, draft: LanguageModel | None) -> None:
        """It asks none."""

    async def choose(self, prompt: Sequence[int], choices: Sequence[str]) -> dict[str, float]:
        self.asked.append("".join(map(chr, prompt)))
        return {choice: self.logprobs.get(choice, -math.inf) for choice in choices}

    async def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    async def chat_prompt(self, messages: Sequence[Message]) -> list[int]:
        self.chats += 1
        return await self.encode("".join(f"[{m.role}]{m.content}" for m in messages) + "[assistant]")


@dataclass
class ScriptedEmbedder:
    """A fake embedder: texts that begin with the same letter point the same way."""

    name: str = "letters"
    asked: list[list[str]] = field(default_factory=list)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked.append(list(texts))
        return [[1.0, 0.0] if text.startswith("a") else [0.6, 0.8] for text in texts]
