"""Decoding that chooses by itself: lookahead as deep as it pays, plain decoding where it does not.

Two ways take turns at step boundaries: lookahead reasoning, whose γ changes while it runs, and plain decoding in one
long request, beside which a step is drafted now and then to see whether lookahead would pay. Where the target takes
drafted text as token proposals, the draft writes on ahead of plain decoding while that pays.
"""

import asyncio
from collections.abc import Callable

from lr_demo.config import RunSettings
from lr_demo.decoding.autoregressive import Autoregressive
from lr_demo.decoding.budget import Share
from lr_demo.decoding.choosing import Chooser, Decision
from lr_demo.decoding.draft_ahead import DraftAhead
from lr_demo.decoding.draft_between import DraftBetween
from lr_demo.decoding.emission import Emission
from lr_demo.decoding.judging import Judging
from lr_demo.decoding.lookahead import Lookahead
from lr_demo.decoding.measuring import Measured
from lr_demo.decoding.memory import Memory
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

_TRIED_TOKENS, _MOST_TRIED = 4.0, 40.0
"""What drafting ahead and plain decoding come to is looked at again after so many tokens more, at first; later at the
end of a step."""
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
        ahead: DraftAhead | DraftBetween | None,
        memory: Memory,
        *,
        proposes: bool = False,
        reason: str = "",
        alternatives_differ: bool = False,
    ) -> None:
        """All that takes part has to emit through `emission`.

        `ahead`: what writes beside plain decoding where `make_plain` is told to; None where the target takes no drafted
        text. `proposes`: the target has token proposals of its own. `reason`: why this target plays.
        """
        self._writing, self._judging, self._settings, self._emit = writing, judging, settings, emission
        emission.listeners.append(self._observe)
        self._share, self._make_plain, self._ahead_of_plain = share, make_plain, ahead
        self._proposes, self._reason = proposes, reason
        self._memory = memory
        between = isinstance(ahead, DraftBetween)
        self._measured = Measured(memory.for_another_run(), suggests=ahead is not None, drafts_between=between)
        self._chooser = Chooser(
            self._measured, settings, alternatives_differ=alternatives_differ, alone=lambda: share.alone
        )
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
        self._known = (frozenset[int](), False, False, 0, 0)
        self._told = False

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
        self._draft_ahead()
        try:
            return await self._lookahead.go_on(self._progress)
        finally:
            self._lookahead = None

    async def _plain(self) -> str | None:
        self._measured.plain = True
        self._measured.request_begins(asyncio.get_running_loop().time())
        if self._ahead_of_plain is not None:
            self._ahead_of_plain.follow(self._writing.text_ids)
        self._draft_ahead()
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
            self._measured.drafting_ahead(False, asyncio.get_running_loop().time())

    def _observe(self, event: Event) -> None:
        now = asyncio.get_running_loop().time()
        if self._since is None and event.type == "step_delta":
            self._since = now
        self._see_the_draft(now)
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
                measured = self._measured
                tried, alone = (
                    int(min(_MOST_TRIED, tokens) / _TRIED_TOKENS)
                    for tokens in (measured.memory.ahead.weight, measured.own_plain)
                )
                known = (measured.sizes, measured.drafts, measured.paced, tried, alone)
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
        if decision.reach == before and self._told:
            return
        self._say(decision)
        self._draft_ahead()
        if self._lookahead is not None:
            asyncio.get_running_loop().call_soon(self._lookahead.adapt)

    def _draft_ahead(self) -> None:
        """The draft writes beside plain decoding where that is chosen."""
        on = self._chooser.present.ahead and self._lookahead is None
        if self._ahead_of_plain is not None:
            self._ahead_of_plain.wanted = on
            self._see_the_draft(asyncio.get_running_loop().time())

    def _see_the_draft(self, now: float) -> None:
        if (ahead := self._ahead_of_plain) is not None:
            self._measured.drafting_ahead(ahead.at_work, now, reads=ahead.reads)

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
        reach = decision.reach
        suggests = self._ahead_of_plain is not None and (reach.lookahead > 0 or reach.ahead)
        reasons = [decision.reason, *([] if self._told or not self._reason else [self._reason])]
        self._told = True
        self._emit(
            SettingChosen(
                step=self._progress.step,
                lookahead=reach.lookahead,
                width=reach.width,
                drafted=suggests,
                speculates=suggests or self._proposes,
                predicted=decision.speedup,
                reason="; ".join(reasons),
            )
        )
