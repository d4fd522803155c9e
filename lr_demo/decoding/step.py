"""Writing one step: a request to a model, its events, and a limit to its silence."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from lr_demo import limits
from lr_demo.decoding.emission import Emission
from lr_demo.decoding.prefix import Prefix
from lr_demo.errors import ModelError
from lr_demo.events import Event, Role, StepCancelled, StepFinish, StepFinished, StepStarted
from lr_demo.models.protocol import Chunk, Finish, GenerationRequest, LanguageModel
from lr_demo.run_state import StepKey

T = TypeVar("T")
Emit = Callable[[Event], None]
Heard = Callable[[Chunk], None]
"""Takes what a model writes, chunk by chunk."""


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


@dataclass(frozen=True, slots=True)
class Following:
    """The step with which a request goes on, and who hears of it."""

    key: StepKey
    heard: Heard | None = None


class _Written:
    """A step while it is written: its events, and what there is of it."""

    def __init__(self, key: StepKey, emit: Emission) -> None:
        self._key, self._emit = key, emit
        self._ids: list[int] = []
        self._origin = ""
        self.text = ""
        position, role, alternative = key
        emit(StepStarted(position=position, role=role, alternative=alternative))

    @property
    def tokens(self) -> int:
        return len(self._ids)

    def take(self, chunk: Chunk) -> None:
        """More of it."""
        self._ids += chunk.token_ids
        self.text += chunk.text
        self._origin = chunk.origin
        self._emit.delta(self._key, chunk.text, len(chunk.token_ids), chunk.passes)

    def finished(self, finish: StepFinish) -> Step:
        """It is complete."""
        step = Step(tuple(self._ids), self.text, finish)
        position, role, alternative = self._key
        self._emit(
            StepFinished(
                position=position,
                role=role,
                alternative=alternative,
                token_ids=self._ids,
                text=step.text,
                finish=finish,
                origin=self._origin or None,
            )
        )
        return step

    def cancelled(self) -> None:
        """It is given up."""
        position, role, alternative = self._key
        self._emit(StepCancelled(position=position, role=role, alternative=alternative))


async def write_step(
    model: LanguageModel,
    request: GenerationRequest,
    key: StepKey,
    emit: Emission,
    *,
    at_limit: StepFinish,
    heard: Heard | None = None,
) -> Step:
    """One step from a model, with its events.

    `at_limit` says what it means that `request.max_tokens` are used up; `heard` is called with every
    chunk. On failure or cancellation the request has ended at the server when the event that says so is
    emitted.

    Raises:
        ModelError: the model failed, or was silent for longer than `limits.silence_s`.
    """
    step = _Written(key, emit)
    finish = StepFinish.END
    try:
        unread = len(request.prompt)
        async with never_silent(model, key.role, unread) as token, aclosing(model.generate(request)) as chunks:
            async for chunk in chunks:
                token()
                if heard is not None:
                    heard(chunk)
                step.take(chunk)
                if chunk.finish is not None:
                    finish = step_finish(chunk.finish, at_limit)
    except BaseException:
        step.cancelled()
        raise
    return step.finished(finish)


async def write_steps(
    model: LanguageModel,
    request: GenerationRequest,
    first: Following,
    emit: Emission,
    completes: Callable[[str, int], bool],
    *,
    answer_left: int,
    step_cap: int,
    then: Callable[[Step], Following | None],
) -> bool:
    """One step after the other from one request, for as long as `then` says where it goes on.

    The request has to stop at no boundary and to be split there; `completes` finds boundaries, as
    `Segmenter.completes`. Where the request's tokens are used up, and neither a step's nor the answer's, another one
    goes on. Returns False where a step behind the first was given up since the model failed.

    Raises:
        ModelError: as `write_step`, of the first step.
    """
    heard, behind = first.heard, False
    prompt = request.prompt if isinstance(request.prompt, Prefix) else Prefix(request.prompt)
    step = _Written(first.key, emit)
    try:
        while True:
            unread, written = len(request.prompt), list[int]()
            async with never_silent(model, Role.TARGET, unread) as token, aclosing(model.generate(request)) as chunks:
                async for chunk in chunks:
                    token()
                    written += chunk.token_ids
                    left = answer_left - len(written)
                    boundary = completes(step.text + chunk.text, len(step.text))
                    used_up = chunk.finish is Finish.LENGTH and len(written) == request.max_tokens
                    room = left and step.tokens + len(chunk.token_ids) < step_cap
                    goes_on = not boundary and (chunk.finish is None or (used_up and room))
                    if goes_on and heard is not None:
                        heard(chunk if chunk.finish is None else replace(chunk, finish=None))
                    step.take(chunk)
                    if goes_on:
                        continue
                    at_limit = StepFinish.STEP_CAP if left else StepFinish.TOKEN_LIMIT
                    why = step_finish(chunk.finish, at_limit) if chunk.finish and not boundary else StepFinish.BOUNDARY
                    following = then(step.finished(why))
                    if following is None:
                        return True
                    heard, behind, step = following.heard, True, _Written(following.key, emit)
            answer_left -= len(written)
            most = min(answer_left, step_cap - step.tokens)
            prompt = prompt.followed_by(written)
            request = replace(request, prompt=prompt, max_tokens=most)
    except BaseException as error:
        step.cancelled()
        if behind and isinstance(error, ModelError):
            return False
        raise


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
