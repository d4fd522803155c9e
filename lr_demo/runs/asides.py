"""Questions to the servers beside the runs: only while nothing is measured, and given up as soon as a run comes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from lr_demo.errors import UserError

T = TypeVar("T")
MOST_WAITING = 4
"""Questions at a time: one is asked, the others wait."""


class Asides:
    """The questions under way; to be used in the engine's loop alone."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[object]] = set()
        self._given_up: dict[asyncio.Task[object], str] = {}
        """Those that are ending, with the reason."""

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """The answer, when the questions before it are answered.

        Raises:
            UserError: too many wait already, or it was given up.
        """
        if len(self._tasks) >= MOST_WAITING:
            raise UserError(f"{len(self._tasks)} questions to the judge are waiting already: ask again in a moment")
        task = asyncio.current_task()
        assert task is not None, "a question is asked by a task"
        self._tasks.add(task)
        try:
            async with self._turn:
                return await question()
        except asyncio.CancelledError:
            if task not in self._given_up or task.uncancel():
                raise
            raise UserError(self._given_up[task]) from None
        finally:
            self._tasks.discard(task)
            self._given_up.pop(task, None)

    def give_up(self, reason: str) -> None:
        """End all questions; each asker is told the reason."""
        for task in self._tasks - self._given_up.keys():
            self._given_up[task] = reason
            task.cancel()

    async def over(self) -> None:
        """Returns when the questions that were given up have left the servers."""
        if self._given_up:
            await asyncio.wait(self._given_up)
