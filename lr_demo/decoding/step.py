"""Writing one step: a request to a model, its events, and a limit to its silence."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from lr_demo import limits
from lr_demo.decoding.emission import Emission
from lr_demo.errors import ModelError
from lr_demo.events import Event, Role, StepCancelled, StepFinish, StepFinished, StepStarted
from lr_demo.models.protocol import Chunk, Finish, GenerationRequest, LanguageModel
from lr_demo.run_state import StepKey

T = TypeVar("T")
Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Step:
    """A complete step."""

    token_ids: tuple[int, ...]
    """In the vocabulary of the model that wrote it."""
    text: str
    finish: StepFinish

    @property
    def ends_answer(self) -> bool:
        return self.finish in (StepFinish.END, StepFinish.TOKEN_LIMIT)


async def write_step(
    model: LanguageModel,
    request: GenerationRequest,
    key: StepKey,
    emit: Emission,
    *,
    at_limit: StepFinish,
    heard: Callable[[Chunk], None] | None = None,
) -> Step:
    """One step from a model, with its events.

    `at_limit` says what it means that `request.max_tokens` are used up; `heard` is called with every
    chunk. On failure or cancellation the request has ended at the server when the event that says so is
    emitted.

    Raises:
        ModelError: the model failed, or was silent for longer than `limits.silence_s`.
    """
    position, role, alternative = key
    emit(StepStarted(position=position, role=role, alternative=alternative))
    ids: list[int] = []
    texts: list[str] = []
    origin = ""
    finish = StepFinish.END
    try:
        unread = len(request.prompt)
        async with never_silent(model, role, unread) as token, aclosing(model.generate(request)) as chunks:
            async for chunk in chunks:
                token()
                if heard is not None:
                    heard(chunk)
                ids += chunk.token_ids
                texts.append(chunk.text)
                origin = chunk.origin
                emit.delta(key, chunk.text, len(chunk.token_ids), chunk.passes)
                if chunk.finish is not None:
                    finish = step_finish(chunk.finish, at_limit)
    except BaseException:
        emit(StepCancelled(position=position, role=role, alternative=alternative))
        raise
    step = Step(tuple(ids), "".join(texts), finish)
    emit(
        StepFinished(
            position=position,
            role=role,
            alternative=alternative,
            token_ids=ids,
            text=step.text,
            finish=finish,
            origin=origin or None,
        )
    )
    return step


def step_finish(finish: Finish, at_limit: StepFinish) -> StepFinish:
    """Why a step ended, from why its model stopped."""
    return {Finish.STOP: StepFinish.BOUNDARY, Finish.END: StepFinish.END, Finish.LENGTH: at_limit}[finish]


def allowance(used: int, max_tokens: int, step_cap: int) -> tuple[int, StepFinish]:
    """Most tokens of the next step after `used` ones, and what it means to use them up."""
    left = max_tokens - used
    return (left, StepFinish.TOKEN_LIMIT) if left <= step_cap else (step_cap, StepFinish.STEP_CAP)


@asynccontextmanager
async def never_silent(model: LanguageModel, role: Role, unread: int) -> AsyncIterator[Callable[[], None]]:
    """Within this a model is never silent for longer than `limits.silence_s`; call what it gives with every chunk.

    A chunk costs a look at the clock: the one timer finds out by itself how much longer it has to wait.

    Raises:
        ModelError: the model was silent for too long.
    """
    loop = asyncio.get_running_loop()
    last, limit, later = loop.time(), limits.silence_s(role, unread), limits.silence_s(role)
    timer: asyncio.TimerHandle

    def heard() -> None:
        nonlocal last, limit, timer
        last = loop.time()
        if limit > later:
            limit = later
            timer.cancel()
            timer = loop.call_at(last + limit, look)

    def look() -> None:
        nonlocal timer
        if loop.time() >= last + limit:
            timeout.reschedule(last + limit)
        else:
            timer = loop.call_at(last + limit, look)

    try:
        async with asyncio.timeout(None) as timeout:
            timer = loop.call_at(last + limit, look)
            try:
                yield heard
            finally:
                timer.cancel()
    except TimeoutError:
        raise _too_late(f"{model.name} wrote nothing for {limit:.0f} s") from None


async def in_time(model: LanguageModel, answer: Awaitable[T], limit_s: float = limits.SHORT_ANSWER_S) -> T:
    """An answer of a model that takes `limit_s` seconds at most.

    Raises:
        ModelError: the model failed, or took longer.
    """
    try:
        async with asyncio.timeout(limit_s):
            return await answer
    except TimeoutError:
        raise _too_late(f"{model.name} was not done within {limit_s:.0f} s") from None


def _too_late(what: str) -> ModelError:
    return ModelError(f"{what}: it hangs, or its server has too much to do")
