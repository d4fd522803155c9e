"""Decoding that chooses by itself: lookahead as deep as it pays, plain decoding where it does not.

Two ways take turns at step boundaries: lookahead reasoning, whose γ changes while it runs, and plain decoding in one
long request, beside which a step is drafted now and then to see whether lookahead would pay.
"""

import asyncio
from collections.abc import Callable

from lr_demo.config import RunSettings
from lr_demo.decoding.autoregressive import Autoregressive
from lr_demo.decoding.budget import Share
from lr_demo.decoding.choosing import Chooser, Decision
from lr_demo.decoding.emission import Emission
from lr_demo.decoding.judging import Judging
from lr_demo.decoding.lookahead import Lookahead
from lr_demo.decoding.measuring import Measured, Memory
from lr_demo.decoding.progress import Progress
from lr_demo.decoding.shadow import Shadow
from lr_demo.decoding.step import Step
from lr_demo.decoding.writing import Writing
from lr_demo.events import (
    Event,
    Outcome,
    PositionOpened,
    Role,
    RoleDegraded,
    RoleRecovered,
    SettingChosen,
    StepCommitted,
    StepFinished,
    Verdict,
)

MakePlain = Callable[[list[int], Progress, Callable[[], bool]], Autoregressive]
"""Plain decoding behind these ids (prompt and accepted text), for as long as it is told to stay."""


class Auto:
    """Decodes one prompt with a target, a draft and a verifier."""

    def __init__(
        self,
        writing: Writing,
        judging: Judging,
        settings: RunSettings,
        emission: Emission,
        share: Share,
        make_plain: MakePlain,
        memory: Memory,
        *,
        alternatives_differ: bool = False,
    ) -> None:
        """All that takes part has to emit through `emission`."""
        self._writing, self._judging, self._settings, self._emit = writing, judging, settings, emission
        emission.listeners.append(self._observe)
        self._share, self._make_plain = share, make_plain
        self._memory = memory
        self._measured = Measured(memory.for_another_run())
        self._chooser = Chooser(self._measured, settings, alternatives_differ=alternatives_differ)
        self._progress = Progress()
        self._lookahead: Lookahead | None = None
        self._shadow: Shadow | None = None
        self._finished: StepFinished | None = None
        self._since: float | None = None
        self._tokens = 0
        self._cycle_began: tuple[float, int] | None = None
        """Time of the last correction, and tokens up to there."""
        self._look_at = 0
        """Step at which to look again whether lookahead would pay."""
        self._known = (frozenset[int](), False, False)

    async def run(self) -> str:
        """Decode to the end; returns its reason. Afterwards no request and no task of it is left.

        Raises:
            ModelError: the target failed for too long.
        """
        ended: str | None = None
        async with self._writing.draft, self._judging.attendance:
            try:
                self._choose()
                if self._chooser.hopeless:
                    self._look_at = self._chooser.look_every()
                first = not self._measured.paced
                while ended is None:
                    ended = await (self._ahead() if first or self._chooser.present.lookahead else self._plain())
                    first = False
            finally:
                self._writing.withdraw_suggestions()
                self._memory.take(self._measured.memory)
        return ended

    async def _ahead(self) -> str | None:
        self._measured.plain = False
        self._lookahead = Lookahead(
            self._writing,
            self._judging,
            self._settings,
            self._emit,
            self._share,
            lambda: self._chooser.present,
        )
        try:
            return await self._lookahead.go_on(self._progress)
        finally:
            self._lookahead = None

    async def _plain(self) -> str | None:
        self._measured.plain = True
        self._measured.request_begins(asyncio.get_running_loop().time())
        self._shadow = Shadow(self._writing, self._judging, self._settings.seed, self._emit)
        plain = self._make_plain(
            list(self._writing.text_ids), self._progress, lambda: not self._chooser.present.lookahead
        )
        try:
            async with self._share.place():
                return await plain.go_on()
        finally:
            await self._shadow.end()
            self._shadow = None

    def _observe(self, event: Event) -> None:
        now = asyncio.get_running_loop().time()
        if self._since is None and event.type == "step_delta":
            self._since = now
        self._measured.observe(event, now)
        if self._shadow is not None:
            self._beside(event, self._shadow)
        match event:
            case StepCommitted():
                self._committed(event, now)
                self._choose()
            case RoleDegraded() | RoleRecovered():
                self._choose()
            case Verdict() if self._lookahead is None:
                self._choose()
            case _:
                known = (self._measured.sizes, self._measured.drafts, self._measured.paced)
                if known != self._known:
                    self._known = known
                    self._choose()

    def _beside(self, event: Event, shadow: Shadow) -> None:
        """Plain decoding: its steps join the text, and steps are drafted in its shadow."""
        match event:
            case PositionOpened():
                if not shadow.at_work and not self._measured.away and event.step >= self._look_at:
                    self._look_at = event.step + self._chooser.look_every()
                    shadow.begin(event.position, event.step, self._progress.tokens)
            case StepFinished(role=Role.TARGET):
                self._finished = event
            case StepCommitted():
                done = self._finished
                assert done is not None
                step = Step(tuple(done.token_ids), done.text, done.finish)
                self._writing.accept_target(step)
                shadow.target_done(event.position, step)

    def _choose(self) -> None:
        before = self._chooser.present
        decision = self._chooser.decide()
        if decision.reach == before:
            return
        self._say(decision)
        if self._lookahead is not None:
            asyncio.get_running_loop().call_soon(self._lookahead.adapt)

    def _committed(self, event: StepCommitted, now: float) -> None:
        """Keep account of the time against plain decoding's."""
        self._tokens += event.tokens
        alone = self._measured.alone_s
        if self._since is None or alone is None:
            return
        behind = now - self._since - self._tokens * alone
        if event.outcome is Outcome.ACCEPTED:  # the step after it is partly written, so this is too much
            behind = min(behind, self._chooser.behind_s)
        else:
            self._compare_with_prediction(now, alone)
        self._chooser.behind_s = behind
        self._chooser.steps += 1

    def _compare_with_prediction(self, now: float, alone: float) -> None:
        """From one correction to the next: nothing was in flight at either."""
        began, self._cycle_began = self._cycle_began, (now, self._tokens)
        predicted, step_s = self._chooser.predicted(), self._measured.step_s
        if self._lookahead is None or predicted is None or began is None:
            self._cycle_began = (now, self._tokens) if self._lookahead is not None else None
            return
        expected = (self._tokens - began[1]) * alone / predicted
        self._measured.memory.trust.add(expected / step_s, (now - began[0]) / step_s)

    def _say(self, decision: Decision) -> None:
        self._emit(
            SettingChosen(
                step=self._progress.step,
                lookahead=decision.reach.lookahead,
                width=decision.reach.width,
                predicted=decision.speedup,
                reason=decision.reason,
            )
        )
