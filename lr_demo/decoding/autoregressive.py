"""Plain decoding: the target alone, in one request. The baseline of everything, and SD's form too."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from lr_demo.config import RunSettings
from lr_demo.decoding.draft_ahead import DraftAhead
from lr_demo.decoding.draft_between import DraftBetween
from lr_demo.decoding.emission import Emission
from lr_demo.decoding.patience import Patience
from lr_demo.decoding.progress import Progress
from lr_demo.decoding.sampling import request_seed
from lr_demo.decoding.segmentation import Segmenter
from lr_demo.decoding.step import never_silent, step_finish
from lr_demo.events import (
    CycleStarted,
    Outcome,
    PositionOpened,
    Role,
    StepCancelled,
    StepCommitted,
    StepFinish,
    StepFinished,
    StepStarted,
)
from lr_demo.models.protocol import Chunk, GenerationRequest, LanguageModel, Sampling
from lr_demo.run_state import StepKey


class Autoregressive:
    """Decodes a prompt with one model; splits what arrives into steps only to show it.

    A token is never split: one that completes a boundary belongs to the step whole.
    """

    def __init__(
        self,
        target: LanguageModel,
        sampling: Sampling,
        prompt: list[int],
        settings: RunSettings,
        segmenter: Segmenter,
        patience: Patience,
        emit: Emission,
        ahead: DraftAhead | DraftBetween | None = None,
        progress: Progress | None = None,
        stays: Callable[[], bool] = lambda: True,
    ) -> None:
        """`ahead`: a draft that writes for the target's token-level speculation.

        `progress`: how far the answer is, where `prompt` ends with a part of it; kept up to date.
        `stays`: asked at every step boundary whether to go on.
        """
        self._target, self._sampling, self._settings = target, sampling, settings
        self._prompt, self._segmenter, self._patience, self._emit = prompt, segmenter, patience, emit
        self._ahead, self._progress, self._stays = ahead, progress or Progress(), stays
        self._before = self._progress.tokens
        """Tokens of the answer that are in the prompt."""
        self._accepted: list[int] = []
        """Ids of all complete steps and of the current one."""
        self._open = False
        self._ids: list[int] = []
        self._text = ""
        self._origin = ""

    async def run(self) -> str:
        """Decode to the end; returns its reason.

        Raises:
            ModelError: the target failed for too long; what it had written is in the events.
        """
        ended = await self.go_on()
        assert ended is not None, "nobody else takes over"
        return ended

    async def go_on(self) -> str | None:
        """Decode to the end, whose reason it returns, or until it does not stay: None.

        Raises:
            ModelError: the target failed for too long; what it had written is in the events.
        """
        self._emit(CycleStarted(cycle=self._progress.next_cycle(), position=self._progress.position))
        drafting = asyncio.create_task(self._ahead.run()) if self._ahead is not None else None
        try:
            finish = await self._patience.of(self._attempt)
        finally:
            if drafting is not None:
                drafting.cancel()
                await asyncio.wait({drafting})
        return finish.value if finish is not StepFinish.BOUNDARY else None

    async def _attempt(self) -> StepFinish:
        """One request, from wherever the answer is; ends at a boundary where it does not stay."""
        request = GenerationRequest(
            prompt=self._prompt + self._accepted,
            max_tokens=self._settings.max_tokens - self._before - len(self._accepted),
            sampling=self._sampling,
            seed=request_seed(self._settings.seed, Role.TARGET, self._progress.step, 0),
            splits=self._segmenter.stop,
        )
        try:
            listening = never_silent(self._target, Role.TARGET, unread=len(request.prompt))
            async with listening as heard, aclosing(self._target.generate(request)) as chunks:
                async for chunk in chunks:
                    heard()
                    self._origin = chunk.origin
                    self._take(chunk)
                    if chunk.finish is not None:
                        finish = step_finish(chunk.finish, StepFinish.TOKEN_LIMIT)
                        self._close(finish)
                        return finish
                    if self._segmenter.completes(self._text, len(self._text) - len(chunk.text)):
                        self._close(StepFinish.BOUNDARY)
                        if not self._stays():
                            return StepFinish.BOUNDARY
        except BaseException:
            self._give_up()
            raise
        self._close(StepFinish.END)
        return StepFinish.END

    def _take(self, chunk: Chunk) -> None:
        ids, text = chunk.token_ids, chunk.text
        if not self._open:
            self._emit(PositionOpened(position=self._progress.position, step=self._progress.step))
            self._emit(StepStarted(position=self._progress.position, role=Role.TARGET))
            self._open = True
        self._accepted += ids
        self._ids += ids
        self._text += text
        if self._ahead is not None:
            self._ahead.written(ids)
        self._emit.delta(StepKey(self._progress.position, Role.TARGET), text, len(ids), chunk.passes)

    def _close(self, finish: StepFinish) -> None:
        """The current step is complete and joins the answer."""
        if not self._open:
            return
        position, step, tokens = self._progress.position, self._progress.step, len(self._ids)
        self._emit(
            StepFinished(
                position=position,
                role=Role.TARGET,
                token_ids=self._ids,
                text=self._text,
                finish=finish,
                origin=self._origin or None,
            )
        )
        self._emit(StepCommitted(position=position, role=Role.TARGET, outcome=Outcome.TARGET, step=step, tokens=tokens))
        self._patience.progress()
        self._progress.position, self._progress.step = position + 1, step + 1
        self._progress.tokens += tokens
        self._open, self._ids, self._text = False, [], ""

    def _give_up(self) -> None:
        """The request failed or was cancelled: the current step is taken back."""
        if self._open:
            self._emit(StepCancelled(position=self._progress.position, role=Role.TARGET))
            del self._accepted[len(self._accepted) - len(self._ids) :]
            if self._ahead is not None:
                self._ahead.taken_back(len(self._ids))
            self._open, self._ids, self._text = False, [], ""
