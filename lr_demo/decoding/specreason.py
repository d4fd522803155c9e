"""SpecReason (arXiv 2504.07891): the target scores each drafted step, and writes it itself where the score is low."""

import asyncio
from collections import deque

from lr_demo import limits
from lr_demo.config import RunSettings
from lr_demo.decoding.answers import boxed
from lr_demo.decoding.step import Emit, Step, in_time
from lr_demo.decoding.writing import Writing
from lr_demo.errors import ModelError
from lr_demo.events import (
    CycleStarted,
    Outcome,
    PositionOpened,
    Role,
    StepCancelled,
    StepCommitted,
    StepFinish,
    Verdict,
    VerdictStarted,
)
from lr_demo.verification.protocol import StepScorer

METHOD = "score"
_REMEMBERED_STEPS = 8
"""A step equal to one of so many before it is a repetition, and ends the run."""


class SpecReason:
    """Decodes one prompt: draft a step, score it with one token of the target, keep or rewrite it."""

    def __init__(self, writing: Writing, scorer: StepScorer, settings: RunSettings, emit: Emit) -> None:
        self._writing, self._scorer, self._settings, self._emit = writing, scorer, settings, emit
        self._draft = writing.draft
        self._recent: deque[str] = deque(maxlen=_REMEMBERED_STEPS)

    async def run(self) -> str:
        """Decode to the end; returns its reason.

        Raises:
            ModelError: the target failed for too long.
        """
        async with self._draft:
            return await self._decode()

    async def _decode(self) -> str:
        index = tokens = cycle = 0
        after_boundary = True
        self._emit(CycleStarted(cycle=0, position=0))
        while True:
            self._emit(PositionOpened(position=index, step=index))
            step, ids, outcome = await self._step(index, tokens, after_boundary)
            role = Role.DRAFT if outcome is Outcome.ACCEPTED else Role.TARGET
            self._emit(StepCommitted(position=index, role=role, outcome=outcome, step=index, tokens=len(ids)))
            tokens += len(ids)
            reason = self._end_reason(step, tokens)
            if reason is not None:
                return reason
            if outcome is Outcome.ACCEPTED:
                self._writing.accept_drafted(step, ids)
            else:
                self._writing.accept_target(step)
            index += 1
            after_boundary = step.finish is StepFinish.BOUNDARY
            if outcome is not Outcome.ACCEPTED:
                cycle += 1
                self._emit(CycleStarted(cycle=cycle, position=index))

    async def _step(self, index: int, tokens: int, after_boundary: bool) -> tuple[Step, tuple[int, ...], Outcome]:
        """The next step of the answer, its ids in the target's vocabulary, and how it came about."""
        outcome = Outcome.TARGET
        if index >= self._settings.first_target_steps and after_boundary and not self._draft.away:
            drafted = await self._drafted(index, tokens)
            if drafted is not None:
                step, ids = drafted
                if await self._kept(index, ids):
                    return step, ids, Outcome.ACCEPTED
                outcome = Outcome.CORRECTED
        step = await self._writing.target_step(index, index, tokens)
        return step, step.token_ids, outcome

    async def _drafted(self, index: int, tokens: int) -> tuple[Step, tuple[int, ...]] | None:
        """A drafted step and its ids in the target's vocabulary; None where the draft fails."""
        try:
            await self._writing.draft_text.catch_up()
            step = await self._writing.drafted_step(index, index, tokens)
        except ModelError as error:
            self._draft.lost(str(error))
            return None
        self._draft.works()
        try:
            ids = await self._writing.target_ids(step)
        except ModelError:  # the target's failure, which its own step will meet with patience
            self._emit(StepCancelled(position=index, role=Role.DRAFT))
            return None
        if tokens + len(ids) > self._settings.max_tokens:  # the target's tokenizer counts it longer than it may be
            self._emit(StepCancelled(position=index, role=Role.DRAFT))
            return None
        return step, ids

    async def _kept(self, index: int, ids: tuple[int, ...]) -> bool:
        """Whether the target's score of the drafted step reaches the threshold; an error is a reject."""
        self._emit(VerdictStarted(position=index, method=METHOD))
        clock = asyncio.get_running_loop().time
        began, threshold = clock(), self._settings.effective_threshold
        try:
            prefix = self._writing.text_ids + list(ids)
            limit = limits.silence_s(Role.TARGET, unread=len(prefix))
            score = await in_time(self._writing.target, self._scorer.score(prefix), limit)
        except ModelError as error:
            verdict = Verdict(position=index, accepted=False, method="error", reason=str(error))
        else:
            kept = score >= threshold
            reason = f"score {score:.1f} is {'at least' if kept else 'below'} {threshold:g}"
            verdict = Verdict(position=index, accepted=kept, method=METHOD, score=score, reason=reason)
        verdict.latency_s = clock() - began
        self._emit(verdict)
        return verdict.accepted

    def _end_reason(self, step: Step, tokens: int) -> str | None:
        if step.finish is StepFinish.END:
            return StepFinish.END.value
        if step.finish is StepFinish.TOKEN_LIMIT or tokens >= self._settings.max_tokens:
            return StepFinish.TOKEN_LIMIT.value
        if boxed(step.text) is not None:
            return "final_answer"
        text = " ".join(step.text.split()).casefold()
        if text and text in self._recent:
            return "repeated_step"
        self._recent.append(text)
        return None
