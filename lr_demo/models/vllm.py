"""The vLLM server's language: `/v1/completions` with token ids, `/tokenize`, `/detokenize`."""

import asyncio
import re
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing

from pydantic import BaseModel

from lr_demo.errors import ModelError, RequestRefused
from lr_demo.models.connection import Connection
from lr_demo.models.dialect import Delta, as_chat
from lr_demo.models.protocol import Finish, GenerationRequest, Message

_UNTOUCHED = {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
"""Said in every request: a model's `generation_config.json` may set them otherwise."""

_MARK = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]")
"""What special tokens look like in every model family: <|im_end|>, <｜User｜>, </s>, [INST] …"""
_OF_THE_ANSWER = frozenset({"<think>", "</think>"})
"""Marks that are part of what a reasoning model writes, not of a chat's structure: encoded as the model writes them."""


class _Logprobs(BaseModel):
    top_logprobs: list[dict[str, float] | None]


class _Choice(BaseModel):
    text: str
    token_ids: list[int] | None = None
    finish_reason: str | None = None
    stop_reason: int | str | None = None
    logprobs: _Logprobs | None = None


class _Event(BaseModel):
    choices: list[_Choice]


class _Tokens(BaseModel):
    tokens: list[int]
    token_strs: list[str] | None = None


class _Text(BaseModel):
    prompt: str


class _Model(BaseModel):
    id: str
    max_model_len: int


class _Models(BaseModel):
    data: list[_Model]


class Vllm:
    """Speaks to one vLLM server; see `Dialect`."""

    tells_passes = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reserved: dict[str, bool] = {}
        self._names_tokens = True
        """Whether it tells log-probabilities of tokens that are named."""

    async def context_length(self) -> int:
        models = (await self._connection.get("/models", _Models)).data
        lengths = [model.max_model_len for model in models if model.id == self._connection.model]
        if not lengths:
            served = ", ".join(model.id for model in models) or "none"
            raise ModelError(f"the server of {self._connection.name} has no {self._connection.model!r}, only: {served}")
        return lengths[0]

    async def generate(self, request: GenerationRequest, max_tokens: int) -> AsyncGenerator[Delta, None]:
        sampling = request.sampling
        body = self._completion(request.prompt, max_tokens) | {
            "return_token_ids": True,
            "stop": request.stop,
            "include_stop_str_in_output": True,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "seed": request.seed,
        }
        async with aclosing(self._connection.stream("/v1/completions", body, _Event)) as events:
            async for event in events:
                for choice in event.choices:  # an event with usage figures has none
                    yield Delta(choice.token_ids or (), choice.text, self._finish(choice))

    async def next_token(self, prompt: Sequence[int], candidates: Collection[int]) -> Mapping[int, float]:
        """A server that speculates on tokens answers no question about named ones (vLLM 0.32: "list index out of
        range"): it is asked for the likeliest from then on.
        """
        if self._names_tokens:
            try:
                return await self._likely(prompt, {"logprob_token_ids": list(candidates)})
            except RequestRefused:
                raise
            except ModelError:
                told = await self._likely(prompt, {})
                self._names_tokens = False
                return told
        return await self._likely(prompt, {})

    async def _likely(self, prompt: Sequence[int], named: Mapping[str, object]) -> Mapping[int, float]:
        """Log-probabilities of the likeliest next tokens, or of the named ones."""
        body = self._completion(prompt, 1) | {
            "temperature": 0.0,
            "logprobs": 20,  # as many as any server tells of
            "return_tokens_as_token_ids": True,
            **named,
        }
        told: dict[int, float] = {}
        async with aclosing(self._connection.stream("/v1/completions", body, _Event)) as events:
            async for event in events:  # to the end, so that the connection can be used again
                for choice in event.choices:
                    for likely in choice.logprobs.top_logprobs if choice.logprobs else []:
                        told |= {int(token.removeprefix("token_id:")): value for token, value in (likely or {}).items()}
        return told

    async def detokenize(self, ids: Sequence[int], before: int | None) -> str:
        """In context: some tokenizers drop the space before the first word of a text."""
        if before is None:
            return await self._text(ids)
        whole, start = await asyncio.gather(self._text([before, *ids]), self._text([before]))
        return whole.removeprefix(start) if whole.startswith(start) else await self._text(ids)

    async def encode_plain(self, text: str) -> list[int]:
        """vLLM reads special tokens out of any text: those that it finds are broken in two and read again."""
        if _MARK.search(text) is None:
            return (await self._tokenize(text)).tokens
        found = await self._tokenize(text, strings=True)
        marks = {string for string in found.token_strs or () if _MARK.fullmatch(string)} - _OF_THE_ANSWER
        reserved = [mark for mark in sorted(marks) if await self._is_reserved(mark)]
        if not reserved:
            return found.tokens
        broken = re.compile("|".join(f"(?<={re.escape(mark[0])})(?={re.escape(mark[1:])})" for mark in reserved))
        pieces = [await self._tokenize(piece) for piece in broken.split(text)]
        return [token for piece in pieces for token in piece.tokens]

    async def encode_template(self, text: str, *, first: bool) -> list[int]:
        return (await self._tokenize(text)).tokens  # the rendered template holds what a prompt begins with

    async def render(self, messages: Sequence[Message]) -> str:
        body = {"model": self._connection.model, "messages": as_chat(messages), "add_generation_prompt": True}
        return await self._text((await self._connection.post("/tokenize", body, _Tokens)).tokens)

    def _completion(self, prompt: Sequence[int], max_tokens: int) -> dict[str, object]:
        return {
            "model": self._connection.model,
            "prompt": list(prompt),
            "max_tokens": max_tokens,
            "stream": True,  # only what is streamed ends when the client goes
            **_UNTOUCHED,
        }

    def _finish(self, choice: _Choice) -> Finish | None:
        match choice.finish_reason, choice.stop_reason:
            case None, _:
                return None
            case "stop", str():
                return Finish.STOP
            case "stop", _:  # a number: one of several end-of-sequence tokens
                return Finish.END
            case "length", _:
                return Finish.LENGTH
            case reason, _:
                raise ModelError(f"{self._connection.name} broke off its answer: the server says {reason!r}")

    async def _is_reserved(self, mark: str) -> bool:
        """Whether a mark is a token that is read before all others, and not an ordinary one such as <br>.

        An ordinary token takes part in merges: doubled brackets at both ends join up with it or each other.
        """
        if mark not in self._reserved:
            alone = (await self._tokenize(mark)).tokens
            between = (await self._tokenize(mark[0] + mark + mark[-1])).tokens
            self._reserved[mark] = len(alone) == 1 and between[1:-1] == alone
        return self._reserved[mark]

    async def _tokenize(self, text: str, *, strings: bool = False) -> _Tokens:
        body = {
            "model": self._connection.model,
            "prompt": text,
            "add_special_tokens": False,
            "return_token_strs": strings,
        }
        return await self._connection.post("/tokenize", body, _Tokens)

    async def _text(self, ids: Sequence[int]) -> str:
        body = {"model": self._connection.model, "tokens": ids}
        return (await self._connection.post("/detokenize", body, _Text)).prompt
