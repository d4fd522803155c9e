"""A drafted step beside plain decoding, judged against the step that the target writes anyway: is it worth drafting?"""

import asyncio

from lr_demo.decoding.judging import Judging
from lr_demo.decoding.sampling import request_seed
from lr_demo.decoding.step import Emit, Step
from lr_demo.decoding.writing import Writing
from lr_demo.errors import ModelError
from lr_demo.events import Role, StepCancelled


class Shadow:
    """One drafted step at a time; its verdict changes nothing but what is known of the draft."""

    def __init__(self, writing: Writing, judging: Judging, seed: int, emit: Emit) -> None:
        self._writing, self._judging, self._seed, self._emit = writing, judging, seed, emit
        self._task: asyncio.Task[None] | None = None
        self._position = -1
        self._target: asyncio.Future[Step] | None = None

    @property
    def at_work(self) -> bool:
        """Whether a drafted step is being written or judged."""
        return self._task is not None and not self._task.done()

    def begin(self, position: int, step: int, tokens_before: int) -> None:
        """The target has begun a step; the accepted text is all that is before it."""
        self._position, self._target = position, asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._compare(position, step, tokens_before, self._target))

    def target_done(self, position: int, step: Step) -> None:
        """The target's step is complete."""
        if position == self._position and self._target is not None and not self._target.done():
            self._target.set_result(step)

    async def end(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.result()
            self._task = None

    async def _compare(self, position: int, step: int, tokens_before: int, target: asyncio.Future[Step]) -> None:
        writing, judging = self._writing, self._judging
        drafted: Step | None = None
        try:
            if not writing.draft_text.complete:
                await writing.draft_text.catch_up()
                return  # the target has gone on meanwhile
            drafted = await writing.drafted_step(position, step, tokens_before)
            ids = await writing.target_ids(drafted)
            writing.draft.works()
            own = await target
            if judging.at_once(position, 0, drafted, own) is None:
                seed = request_seed(self._seed, Role.JUDGE, step, 0)
                await judging.ask(position, 0, drafted, ids, own, seed)
        except ModelError as error:
            if drafted is None:
                writing.draft.lost(str(error))
        finally:
            if drafted is not None:
                self._emit(StepCancelled(position=position, role=Role.DRAFT))
