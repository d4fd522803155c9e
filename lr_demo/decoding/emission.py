"""Where a run's events go: what models write is gathered for a moment, so that one event holds several tokens.

Everything else goes on at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lr_demo.events import Event, Role, StepCancelled, StepDelta, StepFinished
from lr_demo.run_state import StepKey

FRAME_S = 0.03
"""Longest that written text waits for more of it, seconds: a screen shows two frames meanwhile. A boundary waits for
nothing."""


@dataclass(slots=True)
class _Written:
    """What a step's model wrote since the last event of it."""

    texts: list[str] = field(default_factory=list)
    tokens: int = 0
    passes: list[int] = field(default_factory=list)


class Emission:
    """Takes the events of one run in order, and its text as it arrives.

    Text is an event after `FRAME_S` at most, and before its step ends. One timer serves all steps. Who measures
    paces listens: to every event as it is, and to text as it arrives.
    """

    def __init__(self, emit: Callable[[Event], None], *, speculates: bool = False) -> None:
        """`speculates`: the target's passes are told, since it may write several tokens in one."""
        self._emit, self._speculates = emit, speculates
        self.listeners: list[Callable[[Event], None]] = []
        self._waiting: dict[StepKey, _Written] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, event: Event) -> None:
        """An event, after what was written of the step that it ends."""
        if self._waiting and isinstance(event, StepFinished | StepCancelled):
            key = StepKey(event.position, event.role, event.alternative)
            written = self._waiting.pop(key, None)
            if written is not None:
                self._tell(key, written)
        self._emit(event)
        for listener in self.listeners:
            listener(event)

    def delta(self, key: StepKey, text: str, tokens: int, passes: Sequence[int] = ()) -> None:
        """A step's model wrote this, in such passes where that is known; its step has started and not ended."""
        written = self._waiting.get(key)
        if written is None:
            written = self._waiting[key] = _Written()
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(FRAME_S, self._frame)
        written.texts.append(text)
        written.tokens += tokens
        written.passes += passes
        if self.listeners:
            delta = _delta(key, text, tokens)
            for listener in self.listeners:
                listener(delta)

    def _frame(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        for key, written in waiting.items():
            self._tell(key, written)

    def _tell(self, key: StepKey, written: _Written) -> None:
        delta = _delta(key, "".join(written.texts), written.tokens)
        if self._speculates and key.role is Role.TARGET and 0 < written.tokens == sum(written.passes):
            delta.passes = written.passes
        self._emit(delta)


def _delta(key: StepKey, text: str, tokens: int) -> StepDelta:
    return StepDelta(position=key.position, role=key.role, alternative=key.alternative, text=text, tokens=tokens)
