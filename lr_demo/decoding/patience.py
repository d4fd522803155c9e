"""Patience with the target, without which a run cannot go on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from lr_demo import limits
from lr_demo.decoding.step import Emit
from lr_demo.errors import ModelError, RequestRefused, ServerGone
from lr_demo.events import Role, RoleDegraded, RoleRecovered

T = TypeVar("T")


class Patience:
    """Tries requests to the target again while it fails; one for all requests of a run: they fail together."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._failing_since: float | None = None

    async def of(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The result of an attempt on the target, made again with growing pauses while it fails.

        Raises:
            ModelError: the target kept failing for `limits.TARGET_PATIENCE_S`; at once where asking again is
                no use (`RequestRefused`, `ServerGone`).
        """
        clock = asyncio.get_running_loop().time
        pause = limits.FIRST_PAUSE_S
        while True:
            try:
                result = await attempt()
            except (RequestRefused, ServerGone):
                raise
            except ModelError as error:
                if self._failing_since is None:
                    self._failing_since, pause = clock(), limits.FIRST_PAUSE_S
                    self._emit(RoleDegraded(role=Role.TARGET, reason=str(error)))
                if clock() + pause - self._failing_since > limits.TARGET_PATIENCE_S:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, limits.LONGEST_PAUSE_S)
            else:
                self.progress()
                return result

    def progress(self) -> None:
        """The target completed something: it works."""
        if self._failing_since is not None:
            self._failing_since = None
            self._emit(RoleRecovered(role=Role.TARGET))
