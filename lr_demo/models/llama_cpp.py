"""The llama.cpp server's language: its own `/completion` with token ids, `/tokenize`, `/detokenize`."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from pydantic import BaseModel

from lr_demo import limits
from lr_demo.errors import ModelError
from lr_demo.models.connection import Connection
from lr_demo.models.dialect import Delta, as_chat
from lr_demo.models.protocol import Finish, GenerationRequest, Message

_UNTOUCHED: dict[str, object] = {
    "samplers": ["temperature", "top_k", "top_p", "min_p"],
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "typical_p": 1.0,
    "dynatemp_range": 0.0,
    "mirostat": 0,
    "dry_multiplier": 0.0,
    "xtc_probability": 0.0,
}
"""Said in every request: the server has defaults of its own. Temperature first, as everywhere else."""

_LOGPROBS_ASKED = 128
"""A next token that is not among so many likeliest has a probability under 1 in 128 of theirs: unknown."""


class _Probability(BaseModel):
    id: int
    logprob: float


class _Probabilities(_Probability):
    top_logprobs: list[_Probability]


class _Event(BaseModel):
    content: str
    tokens: list[int] = []
    stop: bool
    tokens_predicted: int
    """Tokens written so far, those of an incomplete character too."""
    stop_type: str = "none"
    completion_probabilities: list[_Probabilities] = []


class _Tokens(BaseModel):
    tokens: list[int]


class _Text(BaseModel):
    content: str


class _Prompt(BaseModel):
    prompt: str


class _Meta(BaseModel):
    n_ctx: int


class _Model(BaseModel):
    meta: _Meta


class _Models(BaseModel):
    data: list[_Model]


@dataclass(frozen=True, slots=True)
class _Untold:
    """So many tokens were written whose ids the server did not tell, and the text does not give away."""

    tokens: int


class LlamaCpp:
    """Speaks to one llama.cpp server; see `Dialect`."""

    tells_passes = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def context_length(self) -> int:
        return (await self._connection.get("/models", _Models)).data[0].meta.n_ctx

    async def generate(self, request: GenerationRequest, max_tokens: int) -> AsyncGenerator[Delta, None]:
        """The server streams no ids of a character's bytes but the last one's. They are found again from the
        text; where that fails, these few tokens are written once more in an answer that is not streamed,
        which tells every id, and the stream goes on behind them.
        """
        prompt = list(request.prompt)
        end = len(prompt) + max_tokens
        while True:
            untold = None
            async with aclosing(self._stream(request, prompt, end - len(prompt))) as deltas:
                async for delta in deltas:
                    if isinstance(delta, _Untold):
                        untold = delta
                        break
                    prompt += delta.token_ids
                    yield delta
                    if delta.finish is not None:
                        return
            if untold is None:
                return
            body = self._completion(request, prompt, untold.tokens) | {"stream": False}
            again = await self._connection.post("/completion", body, _Event, silence_s=limits.STREAM_SILENCE_S)
            prompt += again.tokens
            finish = self._finish(again) if again.stop_type != "limit" or len(prompt) >= end else None
            yield Delta(again.tokens, again.content, finish)
            if finish is not None:
                return

    async def _stream(
        self, request: GenerationRequest, prompt: Sequence[int], max_tokens: int
    ) -> AsyncGenerator[Delta | _Untold, None]:
        told = 0
        body = self._completion(request, prompt, max_tokens)
        async with aclosing(self._connection.stream("/completion", body, _Event)) as events:
            async for event in events:
                if event.stop:  # bytes of a character that was not completed are left out, with their ids
                    yield Delta(event.tokens, event.content, self._finish(event))
                    return
                ids = event.tokens
                untold = event.tokens_predicted - told - len(ids)
                if untold > 0 and not event.content.isascii():
                    spelled = await self.encode_plain(event.content)
                    if spelled != ids:  # equal: all was told, the count ran ahead
                        if len(spelled) != untold + len(ids) or spelled[-1:] != ids[-1:]:
                            yield _Untold(untold + len(ids))
                            return
                        ids = spelled
                told += len(ids)
                yield Delta(ids, event.content)

    async def next_token(self, prompt: Sequence[int], candidates: Collection[int]) -> Mapping[int, float]:
        body = self._completion(GenerationRequest(prompt, 1), prompt, 1) | {"n_probs": _LOGPROBS_ASKED}
        told: dict[int, float] = {}
        async with aclosing(self._connection.stream("/completion", body, _Event)) as events:
            async for event in events:  # to the end, so that the connection can be used again
                for likely in event.completion_probabilities:
                    told.update((token.id, token.logprob) for token in likely.top_logprobs)
        return told

    async def detokenize(self, ids: Sequence[int], before: int | None) -> str:
        return (await self._connection.post("/detokenize", {"tokens": ids}, _Text)).content

    async def encode_plain(self, text: str) -> list[int]:
        return await self._tokenize(text, add_special=False, parse_special=False)

    async def encode_template(self, text: str, *, first: bool) -> list[int]:
        """The server strips what a prompt begins with off the rendered template, and adds it here."""
        return await self._tokenize(text, add_special=first, parse_special=True)

    async def render(self, messages: Sequence[Message]) -> str:
        return (await self._connection.post("/apply-template", {"messages": as_chat(messages)}, _Prompt)).prompt

    def _completion(self, request: GenerationRequest, prompt: Sequence[int], max_tokens: int) -> dict[str, object]:
        sampling = request.sampling
        return {
            "prompt": list(prompt),
            "n_predict": max_tokens,
            "stream": True,  # only what is streamed ends when the client goes
            "return_tokens": True,
            "cache_prompt": True,
            "stop": request.stop,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "seed": request.seed,
            **_UNTOUCHED,
        }

    def _finish(self, event: _Event) -> Finish:
        match event.stop_type:
            case "word":
                return Finish.STOP
            case "eos":
                return Finish.END
            case "limit":
                return Finish.LENGTH
            case reason:
                raise ModelError(f"{self._connection.name} broke off its answer: the server says {reason!r}")

    async def _tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        body = {"content": text, "add_special": add_special, "parse_special": parse_special}
        return (await self._connection.post("/tokenize", body, _Tokens)).tokens
