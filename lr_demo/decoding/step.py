"""Writing one step: a request to a model, its events, and patience with a target that fails."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from lr_demo.errors import ModelError, RequestRefused
from lr_demo.events import (
    Event,
    Role,
    RoleDegraded,
    RoleRecovered,
    StepCancelled,
    StepDelta,
    StepFinish,
    StepFinished,
    StepKey,
    StepStarted,
)
from lr_demo.models.protocol import Finish, GenerationRequest, LanguageModel

T = TypeVar("T")
Emit = Callable[[Event], None]

TARGET_PATIENCE_S = 60.0
"""How long a run waits for a target that fails, seconds."""
_FIRST_PAUSE_S = 0.25


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
    model: LanguageModel, request: GenerationRequest, key: StepKey, emit: Emit, *, at_limit: StepFinish
) -> Step:
    """One step from a model, with its events.

    `at_limit` says what it means that `request.max_tokens` are used up. On failure or cancellation the
    request has ended at the server when the event that says so is emitted.

    Raises:
        ModelError: the model failed.
    """
    position, role, alternative = key
    emit(StepStarted(position=position, role=role, alternative=alternative))
    ids: list[int] = []
    texts: list[str] = []
    finish = StepFinish.END
    try:
        async with aclosing(model.generate(request)) as chunks:
            async for chunk in chunks:
                ids += chunk.token_ids
                texts.append(chunk.text)
                emit(
                    StepDelta(
                        position=position,
                        role=role,
                        alternative=alternative,
                        text=chunk.text,
                        tokens=len(chunk.token_ids),
                    )
                )
                if chunk.finish is not None:
                    finish = step_finish(chunk.finish, at_limit)
    except BaseException:
        emit(StepCancelled(position=position, role=role, alternative=alternative))
        raise
    step = Step(tuple(ids), "".join(texts), finish)
    emit(
        StepFinished(
            position=position, role=role, alternative=alternative, token_ids=ids, text=step.text, finish=finish
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


async def with_patience(attempt: Callable[[], Awaitable[T]], emit: Emit, patience_s: float = TARGET_PATIENCE_S) -> T:
    """The result of an attempt on the target, tried again with growing pauses while it fails.

    Raises:
        ModelError: it kept failing for `patience_s` seconds, or refused (`RequestRefused`), which is final.
    """
    clock = asyncio.get_running_loop().time
    failing_since: float | None = None
    pause = _FIRST_PAUSE_S
    while True:
        try:
            result = await attempt()
        except RequestRefused:
            raise
        except ModelError as error:
            if failing_since is None:
                failing_since = clock()
                emit(RoleDegraded(role=Role.TARGET, reason=str(error)))
            if clock() + pause - failing_since > patience_s:
                raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, 8.0)
        else:
            if failing_since is not None:
                emit(RoleRecovered(role=Role.TARGET))
            return result
