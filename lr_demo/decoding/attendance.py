"""Whether a role that a run can do without takes part, and how it comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from types import TracebackType
from typing import Self

from lr_demo import limits
from lr_demo.decoding.step import Emit
from lr_demo.errors import ModelError
from lr_demo.events import Role, RoleDegraded, RoleRecovered


class Attendance:
    """A role that is lost is asked by nobody until it is back: attempts beside the run find out, with growing pauses.

    `attempt` is one such attempt; it raises ModelError when the role is still away, and ends within limits
    of its own. Use as an async context: no attempt is left afterwards.
    """

    def __init__(self, role: Role, emit: Emit, attempt: Callable[[], Awaitable[object]]) -> None:
        self._role, self._emit, self._attempt = role, emit, attempt
        self._pause = limits.FIRST_RETURN_PAUSE_S
        self._returning: asyncio.Task[None] | None = None
        self._heard = -inf
        self._lost_since, self._back, self._away_s = 0.0, -inf, 0.0
        """Since when nothing was heard of it, when it was back, and how long that took; the last time."""
        self._unanswered = 0
        self._unanswered_since = self._unanswered_until = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._returning is not None:
            self._returning.cancel()
            await asyncio.wait({self._returning})
            if not self._returning.cancelled():
                self._returning.result()

    @property
    def away(self) -> bool:
        return self._returning is not None

    def lost(self, reason: str) -> None:
        """A request failed: the role is away from now on."""
        if not self.away:
            heard_since = self._heard > self._back
            self._lost_since = self._heard if heard_since else asyncio.get_running_loop().time()
            self._emit(RoleDegraded(role=self._role, reason=reason))
            self._returning = asyncio.create_task(self._return())

    def works(self) -> None:
        """The role did its whole work.

        When it is lost again, attempts begin with short pauses if it has been there for longer than it was away: one
        that does short work and hangs over long is not waited for again and again.
        """
        if asyncio.get_running_loop().time() - self._back > self._away_s:
            self._pause = limits.FIRST_RETURN_PAUSE_S

    def heard(self) -> None:
        """A token of the role arrived."""
        self._heard = asyncio.get_running_loop().time()
        self._unanswered = 0

    def given_up(self, began: float) -> None:
        """A request that began then was given up. Several in a row without a token, and the role is lost."""
        if self._heard >= began or began < self._unanswered_until:
            return  # it answers, or stood beside a request that was counted
        now = asyncio.get_running_loop().time()
        if not self._unanswered:
            self._unanswered_since = began
        self._unanswered += 1
        self._unanswered_until = now
        silent = now - self._unanswered_since
        if self._unanswered >= limits.UNANSWERED_REQUESTS and silent >= limits.UNANSWERED_S:
            self._unanswered = 0
            self.lost(f"the {self._role} has written nothing for {silent:.1f} s: it hangs, or its server is overloaded")

    async def _return(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, limits.LONGEST_RETURN_PAUSE_S)
            try:
                await self._attempt()
            except ModelError:
                continue
            self._returning = None
            self._back = asyncio.get_running_loop().time()
            self._away_s = self._back - self._lost_since
            self._emit(RoleRecovered(role=self._role))
            return
