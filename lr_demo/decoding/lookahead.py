"""Lookahead reasoning (arXiv 2506.19830): drafted steps ahead, target expansions in parallel, verdicts.

One object holds the tree; requests are tasks, and whatever completes calls back into it. Every change
of the tree happens in such a callback, so between two events nothing runs and nothing is polled.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial

from lr_demo.config import RunSettings, Schedule
from lr_demo.decoding.budget import Share
from lr_demo.decoding.judging import Judging
from lr_demo.decoding.progress import Progress, Reach
from lr_demo.decoding.sampling import request_seed
from lr_demo.decoding.slots import Slots
from lr_demo.decoding.step import Emit, Following, Step
from lr_demo.decoding.tree import Drafted, Position
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
)
from lr_demo.models.protocol import Chunk
from lr_demo.run_state import StepKey


@dataclass
class _Request:
    """A request to the target, which may go on past a boundary."""

    at: Position
    """Whose step it writes."""


class Lookahead:
    """Decodes one prompt with a target, a draft and a verifier.

    Asynchronous: a position's target step and drafted steps start as soon as its prefix is known, and
    a verdict as soon as both sides of it are complete. Synchronous: rounds of drafting γ steps and
    expanding all of them in one batch; a round is over when the root is behind the drafted steps or at a
    rejected one, whatever its batch still writes.
    """

    def __init__(
        self,
        writing: Writing,
        judging: Judging,
        settings: RunSettings,
        emit: Emit,
        share: Share,
        reach: Callable[[], Reach] | None = None,
    ) -> None:
        """`share`: of the target's places. `reach`: γ and W where they change within the run; γ 0: nothing beside
        the root."""
        fixed = Reach(settings.lookahead, settings.width)
        self._reach = reach or (lambda: fixed)
        self._writing, self._judging, self._settings, self._emit = writing, judging, settings, emit
        self._draft, self._draft_text = writing.draft, writing.draft_text
        self._synchronous = settings.schedule is Schedule.SYNC
        self._share, self._draft_slots = share, Slots(settings.parallel_budget)
        self._drafting = 0
        """Drafted steps asked for and not complete."""
        self._progress = Progress()
        self._root: Position | None = None
        self._crossing: asyncio.Task[None] | None = None
        self._at_boundary: Position | None = None
        """The target's request of this position has just completed its step, and may go on."""

    async def run(self) -> str:
        """Decode to the end; returns its reason. Afterwards no request and no task of it is left.

        Raises:
            ModelError: the target failed for too long.
        """
        async with self._draft, self._judging.attendance:
            try:
                ended = await self.go_on(self._progress)
            finally:
                self._writing.withdraw_suggestions()
        assert ended is not None, "γ is 1 at least, so nobody else takes over"
        return ended

    async def go_on(self, progress: Progress) -> str | None:
        """Decode from a step boundary on; returns the reason of the end, or None where γ came to be 0.

        `progress` is kept up to date. Afterwards no request and no task of it is left. Draft and judge have to
        be attended to by the caller.

        Raises:
            ModelError: the target failed for too long.
        """
        self._progress = progress
        self._ended: asyncio.Future[str | ModelError | None] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as self._tasks:
            try:
                self._new_root(progress.step, progress.tokens, after_boundary=True)
                ended = await self._ended
            finally:
                self._drop_all()
        if isinstance(ended, ModelError):
            raise ended
        return ended

    def adapt(self) -> None:
        """γ may have changed: draft further ahead, or give up what is too far ahead."""
        root = self._root
        if root is None:
            return
        for position in list(root.subtree()):
            if not position.dropped and position.step - root.step >= self._reach().lookahead:
                for drafted in position.drafted:
                    self._give_up(drafted)
            else:
                self._draft_at(position)
        self._resolve()
        self._expand_if_drafted()

    # The tree grows.

    def _new_root(self, step: int, tokens_before: int, after_boundary: bool, corrected: Position | None = None) -> None:
        """`corrected`: the root before, whose target step it stands behind."""
        self._share.advance(step)
        begun = corrected.behind if corrected is not None else None
        opens = self._progress.position if begun is None else begun.id
        self._emit(CycleStarted(cycle=self._progress.next_cycle(), position=opens))
        root = self._root = begun or self._new_position(step, None, tokens_before, after_boundary)
        if begun is None and corrected is not None and corrected is self._at_boundary:
            self._go_on(corrected, root)
        self._start(root)

    def _new_position(self, step: int, parent: Drafted | None, tokens_before: int, after_boundary: bool) -> Position:
        position = Position(self._progress.next_position(), step, parent, tokens_before, after_boundary)
        self._emit(
            PositionOpened(
                position=position.id,
                step=step,
                parent=parent.position.id if parent else None,
                parent_alternative=parent.alternative if parent else 0,
            )
        )
        return position

    def _start(self, position: Position) -> None:
        """The prefix is known: its target step starts, and its drafted steps where they are near enough."""
        position.held = self._synchronous
        if not position.held and position.writing is None:
            self._ask_target(position)
        if position.target is None:  # else the target wrote on to its end already: a draft of it has no use
            self._draft_at(position)
        self._bring_draft_up()
        self._expand_if_drafted()

    def _draft_at(self, position: Position) -> None:
        """Ask for a position's drafted steps, once, where that is wanted."""
        root = self._root
        if (
            root is None
            or position.drafted
            or not position.after_boundary
            or not self._draft_text.complete
            or position.step - root.step >= self._reach().lookahead
            or self._draft.away
            or not self._share.pays(position.step + 1)
        ):
            return
        for alternative in range(self._reach().width):
            drafted = Drafted(position, alternative)
            position.drafted.append(drafted)
            self._drafting += 1
            self._draft_slots.request(position.step, partial(self._begin_draft, drafted))

    def _expand_if_drafted(self) -> None:
        """Synchronous schedule: the whole batch of target steps starts when drafting is done, or the draft is away."""
        root = self._root
        if not self._synchronous or root is None:
            return
        if not self._draft.away and (self._drafting or not self._draft_text.complete):
            return
        for position in list(root.subtree()):
            if position.held:
                position.held = False
                self._ask_target(position)

    def _ask_target(self, position: Position) -> None:
        self._share.request(position.step, partial(self._begin_target, position), needed=self._synchronous)

    # Requests.

    def _begin_target(self, position: Position) -> bool:
        if position.dropped:
            return False
        request = _Request(position)
        position.writing = self._spawn(self._write_target(request))
        position.writing.add_done_callback(lambda _: self._share.release(request.at.step))
        return True

    def _begin_draft(self, drafted: Drafted) -> bool:
        if drafted.accepted is not None:
            return False
        drafted.writing = self._spawn(self._write_draft(drafted))
        drafted.writing.add_done_callback(lambda _: self._draft_slots.release())
        return True

    async def _write_target(self, request: "_Request") -> None:
        first = request.at
        try:
            if self._synchronous:
                await self._write_one(first)
            elif not await self._writing.target_steps(
                first.step,
                first.tokens_before,
                first.drafted_target_ids,
                begin=lambda: self._following(first),
                then=partial(self._target_came, request),
            ):
                self._lost(request.at)
        except ModelError as error:
            self._end(error)

    async def _write_one(self, position: Position) -> None:
        position.target = await self._writing.target_step(
            position.id,
            position.step,
            position.tokens_before,
            position.drafted_target_ids,
            begin=partial(self._target_begins, position),
        )
        self._target_complete(position)

    def _target_came(self, request: "_Request", step: Step) -> Following | None:
        """A step of the target's is complete. Says where its request goes on."""
        position = request.at
        position.target = step
        left = self._settings.max_tokens - position.tokens_before - len(step.token_ids)
        may_go_on = left > 0 and step.finish is StepFinish.BOUNDARY
        self._at_boundary = position if may_go_on else None
        self._target_complete(position)
        self._at_boundary = None
        if may_go_on and position is self._root and self._share.may_go_on():  # a verdict is on its way
            self._write_on(position)
        behind = position.behind
        if behind is None:
            return None
        request.at = behind
        return self._following(behind)

    def _following(self, position: Position) -> Following:
        return Following(StepKey(position.id, Role.TARGET), self._target_begins(position))

    def _write_on(self, root: Position) -> None:
        """The target goes on behind its own step of the root, in case that stays."""
        assert root.target is not None
        tokens = root.tokens_before + len(root.target.token_ids)
        behind = Position(self._progress.next_position(), root.step + 1, None, tokens, after_boundary=True)
        self._emit(PositionOpened(position=behind.id, step=behind.step, parent=root.id, parent_role=Role.TARGET))
        self._go_on(root, behind)

    def _go_on(self, position: Position, behind: Position) -> None:
        """The target's request of a position goes on at the one behind it."""
        position.behind, behind.writing = behind, position.writing
        self._share.go_on(position.step)

    def _lost(self, position: Position) -> None:
        """What the target wrote on behind a step of its own was lost with the request."""
        if position is self._root:
            self._ask_target(position)
        elif self._root is not None and self._root.behind is position:
            position.dropped, self._root.behind = True, None

    async def _write_draft(self, drafted: Drafted) -> None:
        position = drafted.position
        step: Step | None = None
        began = asyncio.get_running_loop().time()
        try:
            step = await self._writing.drafted_step(
                position.id, position.step, position.tokens_before, position.drafted_ids(), drafted.alternative
            )
            ids = await self._writing.target_ids(step)
        except ModelError as error:
            self._drafting -= 1
            drafted.accepted = False
            if step is None:
                self._draft.lost(str(error))
            else:  # the target failed to encode it
                self._cancelled(drafted)
            self._resolve()
            self._expand_if_drafted()
        except asyncio.CancelledError:
            if step is None:
                if self._root is not None:
                    self._draft.given_up(began)
            else:
                self._cancelled(drafted)
            raise
        else:
            self._drafting -= 1
            self._draft.works()
            drafted.step, drafted.target_ids = step, ids
            self._draft_complete(drafted)

    # Something is complete.

    def _draft_complete(self, drafted: Drafted) -> None:
        position, step = drafted.position, drafted.step
        assert step is not None
        tokens = position.tokens_before + len(drafted.target_ids)
        if tokens > self._settings.max_tokens:  # the target's tokenizer counts it longer than it may be
            drafted.accepted = False
            self._cancelled(drafted)
        self._judge(drafted)
        self._watch(drafted)
        if drafted.accepted is not False and not step.ends_answer and tokens < self._settings.max_tokens:
            after_boundary = step.finish is StepFinish.BOUNDARY
            drafted.child = self._new_position(position.step + 1, drafted, tokens, after_boundary)
            self._start(drafted.child)
        self._resolve()
        self._expand_if_drafted()

    def _target_complete(self, position: Position) -> None:
        for drafted in position.drafted:
            self._judge(drafted)
        self._resolve()

    def _judge(self, drafted: Drafted) -> None:
        """Give the verdict, or ask for it, once both sides are complete."""
        position = drafted.position
        step, target = drafted.step, position.target
        if step is None or target is None or drafted.accepted is not None or drafted.judging or position.dropped:
            return
        drafted.compared = True
        verdict = self._judging.at_once(position.id, drafted.alternative, step, target)
        if verdict is not None:
            self._decide(drafted, verdict)
        else:
            drafted.judging = self._spawn(self._ask_judge(drafted, step, target))

    async def _ask_judge(self, drafted: Drafted, step: Step, target: Step) -> None:
        position = drafted.position
        seed = self._judge_seed(drafted)
        verdict = await self._judging.ask(position.id, drafted.alternative, step, drafted.target_ids, target, seed)
        drafted.judging = None
        self._decide(drafted, verdict)
        self._resolve()

    def _decide(self, drafted: Drafted, accepted: bool) -> None:
        """Take a verdict; what it makes useless is given up at once."""
        drafted.accepted = accepted
        if not accepted:
            self._drop(drafted.child)
            drafted.child = None
        alternatives = iter(drafted.position.drafted)
        lowest = next((other for other in alternatives if other.accepted is not False), None)
        if lowest is not None and lowest.accepted:
            for other in alternatives:
                self._give_up(other)

    # A reject is certain before the target's step is complete.

    def _target_begins(self, position: Position) -> Callable[[Chunk], None]:
        position.reading.begin()
        return partial(self._target_wrote, position)

    def _target_wrote(self, position: Position, chunk: Chunk) -> None:
        for alternative, reason in position.reading.target_wrote(chunk):
            self._foreseen(position.drafted[alternative], reason)

    def _watch(self, drafted: Drafted) -> None:
        """A drafted step is complete and undecided: from now on what the target writes may decide against it."""
        if drafted.step is None or drafted.accepted is not None or drafted.judging:
            return
        foresee = partial(self._judging.foresee, drafted.step, drafted.target_ids, self._judge_seed(drafted))
        reason = drafted.position.reading.drafted(drafted.alternative, foresee)
        if reason is not None:
            self._foreseen(drafted, reason)

    def _foreseen(self, drafted: Drafted, reason: str) -> None:
        """What stands on the drafted step is given up; the target's step goes on, since it takes its place."""
        if drafted.accepted is None and not drafted.position.dropped:
            drafted.compared = True
            self._judging.foreseen(drafted.position.id, drafted.alternative, reason)
            self._decide(drafted, accepted=False)

    def _judge_seed(self, drafted: Drafted) -> int:
        return request_seed(self._settings.seed, Role.JUDGE, drafted.position.step, drafted.alternative)

    # The root moves.

    def _resolve(self) -> None:
        """Move the root as far as the verdicts decide."""
        while (root := self._root) is not None and root.target is not None:
            chosen = None
            for drafted in root.drafted:
                if drafted.accepted is None and drafted.step is None:
                    self._give_up(drafted)  # late: the target's step is here, a draft of it has no use
                if drafted.accepted is None:
                    return
                if drafted.accepted:
                    chosen = drafted
                    break
            if chosen is not None:
                self._accept(root, chosen)
            else:
                self._correct(root, root.target)

    def _accept(self, root: Position, chosen: Drafted) -> None:
        assert chosen.step is not None
        tokens = len(chosen.target_ids)
        self._emit(
            StepCommitted(
                position=root.id,
                role=Role.DRAFT,
                alternative=chosen.alternative,
                outcome=Outcome.ACCEPTED,
                step=root.step,
                tokens=tokens,
            )
        )
        for drafted in root.drafted:
            if drafted is not chosen:
                self._give_up(drafted)
        self._drop(root.behind)
        root.dropped = True
        if chosen.child is None:
            self._end(chosen.step.finish if chosen.step.ends_answer else StepFinish.TOKEN_LIMIT)
            return
        self._writing.accept_drafted(chosen.step, chosen.target_ids)
        self._root = chosen.child
        self._root.parent = None
        self._share.advance(self._root.step)
        if not self._synchronous:
            for position in list(self._root.subtree()):
                self._draft_at(position)

    def _correct(self, root: Position, target: Step) -> None:
        compared = any(drafted.compared for drafted in root.drafted)
        tokens = root.tokens_before + len(target.token_ids)
        self._emit(
            StepCommitted(
                position=root.id,
                role=Role.TARGET,
                outcome=Outcome.CORRECTED if compared else Outcome.TARGET,
                step=root.step,
                tokens=len(target.token_ids),
            )
        )
        for drafted in root.drafted:
            self._give_up(drafted)
        root.dropped = True
        if target.ends_answer or tokens >= self._settings.max_tokens:
            self._drop(root.behind)
            self._end(target.finish if target.ends_answer else StepFinish.TOKEN_LIMIT)
            return
        self._writing.accept_target(target)
        self._progress.step, self._progress.tokens = root.step + 1, tokens
        after_boundary = target.finish is StepFinish.BOUNDARY
        if after_boundary and not self._reach().lookahead:
            self._drop(root.behind)
            self._end(None)
        else:
            self._new_root(root.step + 1, tokens, after_boundary, corrected=root)

    # Ending.

    def _give_up(self, drafted: Drafted) -> None:
        """A drafted alternative and all that stands on it are of no use any more."""
        if drafted.accepted is not False:
            drafted.accepted = False
            if drafted.step is not None:
                self._cancelled(drafted)
            else:
                self._drafting -= 1
                if drafted.writing is not None:
                    drafted.writing.cancel()
        if drafted.judging is not None:
            drafted.judging.cancel()
            drafted.judging = None
        self._drop(drafted.child)
        drafted.child = None

    def _drop(self, position: Position | None) -> None:
        """Give up a position and everything below it."""
        if position is None or position.dropped:
            return
        position.dropped = True
        if position.target is not None:
            self._emit(StepCancelled(position=position.id, role=Role.TARGET))
        elif position.writing is not None:
            position.writing.cancel()
        for drafted in position.drafted:
            self._give_up(drafted)
        self._drop(position.behind)

    def _cancelled(self, drafted: Drafted) -> None:
        """A complete drafted step is given up."""
        self._emit(StepCancelled(position=drafted.position.id, role=Role.DRAFT, alternative=drafted.alternative))

    def _drop_all(self) -> None:
        root, self._root = self._root, None
        self._drop(root)
        if self._crossing is not None:
            self._crossing.cancel()

    def _end(self, why: StepFinish | ModelError | None) -> None:
        """None: somebody else goes on from here."""
        self._drop_all()
        if not self._ended.done():
            self._ended.set_result(why.value if isinstance(why, StepFinish) else why)

    # The draft keeps up, or is lost.

    def _bring_draft_up(self) -> None:
        """Give the draft the text it does not have yet; until then the target goes on alone."""
        if not self._draft_text.complete and not self._draft.away and self._crossing is None:
            self._crossing = self._spawn(self._cross_over())

    async def _cross_over(self) -> None:
        try:
            await self._draft_text.catch_up()
        except ModelError as error:
            self._draft.lost(str(error))
        self._crossing = None
        if self._root is not None:
            self._draft_at(self._root)
        self._expand_if_drafted()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        return self._tasks.create_task(work)
