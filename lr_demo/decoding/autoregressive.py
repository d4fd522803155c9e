"""Plain decoding: the target alone, in one request. The baseline of everything, and SD's form too."""

import asyncio
from contextlib import aclosing

from lr_demo.config import RunSettings
from lr_demo.decoding.draft_ahead import DraftAhead
from lr_demo.decoding.patience import Patience
from lr_demo.decoding.sampling import request_seed
from lr_demo.decoding.segmentation import Segmenter
from lr_demo.decoding.step import Emit, never_silent, step_finish
from lr_demo.events import (
    CycleStarted,
    Outcome,
    PositionOpened,
    Role,
    StepCancelled,
    StepCommitted,
    StepDelta,
    StepFinish,
    StepFinished,
    StepStarted,
)
from lr_demo.models.protocol import GenerationRequest, LanguageModel, Sampling


class Autoregressive:
    """Decodes a prompt with one model; splits what arrives into steps only to show it.

    A chunk is never split: one that completes a boundary belongs to the step whole.
    """

    def __init__(
        self,
        target: LanguageModel,
        sampling: Sampling,
        prompt: list[int],
        settings: RunSettings,
        segmenter: Segmenter,
        patience: Patience,
        emit: Emit,
        ahead: DraftAhead | None = None,
    ) -> None:
        """`ahead`: a draft that writes ahead for the target's token-level speculation."""
        self._target, self._sampling, self._settings = target, sampling, settings
        self._prompt, self._segmenter, self._patience, self._emit = prompt, segmenter, patience, emit
        self._ahead = ahead
        self._accepted: list[int] = []
        """Ids of all complete steps and of the current one."""
        self._position = 0
        self._open = False
        self._ids: list[int] = []
        self._text = ""

    async def run(self) -> str:
        """Decode to the end; returns its reason.

        Raises:
            ModelError: the target failed for too long; what it had written is in the events.
        """
        self._emit(CycleStarted(cycle=0, position=0))
        if self._ahead is None:
            return (await self._patience.of(self._attempt)).value
        drafting = asyncio.create_task(self._ahead.run())
        try:
            return (await self._patience.of(self._attempt)).value
        finally:
            drafting.cancel()
            await asyncio.wait({drafting})

    async def _attempt(self) -> StepFinish:
        """One request, from wherever the answer is."""
        request = GenerationRequest(
            prompt=self._prompt + self._accepted,
            max_tokens=self._settings.max_tokens - len(self._accepted),
            sampling=self._sampling,
            seed=request_seed(self._settings.seed, Role.TARGET, self._position, 0),
        )
        try:
            listening = never_silent(self._target, Role.TARGET, unread=len(request.prompt))
            async with listening as heard, aclosing(self._target.generate(request)) as chunks:
                async for chunk in chunks:
                    heard()
                    self._take(chunk.token_ids, chunk.text)
                    if chunk.finish is not None:
                        finish = step_finish(chunk.finish, StepFinish.TOKEN_LIMIT)
                        self._close(finish)
                        return finish
                    if self._segmenter.completes(self._text, len(self._text) - len(chunk.text)):
                        self._close(StepFinish.BOUNDARY)
        except BaseException:
            self._give_up()
            raise
        self._close(StepFinish.END)
        return StepFinish.END

    def _take(self, ids: tuple[int, ...], text: str) -> None:
        if not self._open:
            self._emit(PositionOpened(position=self._position, step=self._position))
            self._emit(StepStarted(position=self._position, role=Role.TARGET))
            self._open = True
        self._accepted += ids
        self._ids += ids
        self._text += text
        if self._ahead is not None:
            self._ahead.written(ids)
        self._emit(StepDelta(position=self._position, role=Role.TARGET, text=text, tokens=len(ids)))

    def _close(self, finish: StepFinish) -> None:
        """The current step is complete and joins the answer."""
        if not self._open:
            return
        position, tokens = self._position, len(self._ids)
        self._emit(
            StepFinished(position=position, role=Role.TARGET, token_ids=self._ids, text=self._text, finish=finish)
        )
        self._emit(
            StepCommitted(position=position, role=Role.TARGET, outcome=Outcome.TARGET, step=position, tokens=tokens)
        )
        self._patience.progress()
        self._position += 1
        self._open, self._ids, self._text = False, [], ""

    def _give_up(self) -> None:
        """The request failed or was cancelled: the current step is taken back."""
        if self._open:
            self._emit(StepCancelled(position=self._position, role=Role.TARGET))
            del self._accepted[len(self._accepted) - len(self._ids) :]
            if self._ahead is not None:
                self._ahead.taken_back(len(self._ids))
            self._open, self._ids, self._text = False, [], ""
