"""A place to stop in a recorded run, for the Learn page."""

from dataclasses import dataclass
from enum import StrEnum

from lr_demo.events import Outcome, RunFinished, RunStatus
from lr_demo.run_state import RunState


class StageKind(StrEnum):
    PROBLEM = "problem"
    DRAFTING = "drafting"
    EXPANSION = "expansion"
    PREDICTION = "prediction"
    """Both steps are there, the verdict is not: the reader says what it will be."""
    VERDICT = "verdict"
    PASS = "pass"
    """What one pass of the target wrote, in a run with token-level speculation."""
    OUTCOME = "outcome"
    """A step joins the answer."""
    WINDOW = "window"
    """What that means for the work ahead: the window slides, or a new cycle begins."""
    ROLE = "role"
    """A role is away, or back."""
    SPEEDUP = "speedup"
    """The answer is there, its speed is not said: the reader says what it was."""
    END = "end"


class Pointer(StrEnum):
    """What a stage's sentence stands beside."""

    CARD = "card"
    GIVEN_UP = "given_up"
    TOP = "top"
    BOTTOM = "bottom"


@dataclass(frozen=True, slots=True)
class Stage:
    """A place to stop."""

    kind: StageKind
    seq: int
    """The last event that has happened."""
    cycle: int
    text: str
    """One or two sentences."""
    pointer: Pointer = Pointer.CARD
    step: int | None = None
    """Index of the step in the answer that it is about, from 0."""
    position: int | None = None
    accepted: bool | None = None
    """What a prediction is held against."""
    note: str = ""
    """What a lesson says about this place in its run."""


def answered(event: RunFinished, state: RunState) -> str:
    """What a run came to, in words."""
    answer = state.answer
    accepted = sum(1 for step in answer if step.outcome is Outcome.ACCEPTED)
    tokens = sum(step.tokens for step in answer)
    speed = f", {tokens / event.t:.1f} tokens/s" if event.t else ""
    ended = "The answer is complete" if event.status is RunStatus.FINISHED else f"The run {event.status}"
    drafted = any(step.outcome is not Outcome.TARGET for step in answer)
    whose = f": {accepted} of its {len(answer)} steps are the draft’s" if drafted else ""
    return f"{ended}{whose}. {tokens} tokens in {event.t:.1f} s{speed}."
