"""The state of a run: a fold of its events. The page does the same fold in `ui/static/js/state.js`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from lr_demo.events import (
    CycleStarted,
    DraftedAhead,
    Event,
    Outcome,
    PositionOpened,
    Role,
    RoleDegraded,
    RoleRecovered,
    RunFinished,
    RunStarted,
    RunStatus,
    SettingChosen,
    StepCancelled,
    StepCommitted,
    StepDelta,
    StepFinish,
    StepFinished,
    StepStarted,
    Verdict,
    VerdictStarted,
)


class StepKey(NamedTuple):
    """Names a step within a run."""

    position: int
    role: Role
    alternative: int = 0


class StepPhase(StrEnum):
    """What is happening to a step."""

    WRITING = "writing"
    COMPLETE = "complete"
    JUDGING = "judging"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CORRECTED = "corrected"
    TARGET = "target"
    CANCELLED = "cancelled"


@dataclass
class StepState:
    """One step as the log has it so far."""

    key: StepKey
    started: float
    """Seconds since the run began."""
    text: str = ""
    tokens: int = 0
    token_ids: list[int] = field(default_factory=list)
    finish: StepFinish | None = None
    ended: float | None = None
    phase: StepPhase = StepPhase.WRITING
    verdict: Verdict | None = None
    passes: list[int] = field(default_factory=list)
    """Tokens of each pass that wrote it, as far as told."""
    pieces: list[str] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class CommittedStep:
    """A step of the answer."""

    key: StepKey
    outcome: Outcome
    tokens: int
    t: float
    cycle: int


@dataclass
class RunState:
    """The state of a run: a fold of its log. `apply` costs O(1) per event."""

    started: RunStarted | None = None
    finished: RunFinished | None = None
    cycle: int = 0
    t: float = 0.0
    positions: dict[int, PositionOpened] = field(default_factory=dict)
    steps: dict[StepKey, StepState] = field(default_factory=dict)
    answer: list[CommittedStep] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    degraded: dict[Role, str] = field(default_factory=dict)
    chosen: list[SettingChosen] = field(default_factory=list)
    """What a run in mode `auto` chose, in order."""
    tokens_written: dict[Role, int] = field(default_factory=lambda: {Role.TARGET: 0, Role.DRAFT: 0})
    """Tokens each role wrote, kept or not."""
    drafted_ahead: DraftedAhead = field(default_factory=lambda: DraftedAhead(tokens=0, confirmed=0))
    """What a draft beside the target has written; `tokens_written` holds it."""

    @property
    def status(self) -> RunStatus:
        return self.finished.status if self.finished else RunStatus.RUNNING

    def text(self) -> str:
        """The answer so far: the concatenation of its steps."""
        return "".join(self.steps[step.key].text for step in self.answer)

    def apply(self, event: Event) -> None:
        """Take one event into the state; events come in the order of the log."""
        self.t = event.t
        match event:
            case RunStarted():
                self.started = event
            case CycleStarted():
                self.cycle = event.cycle
            case PositionOpened():
                self.positions[event.position] = event
            case StepStarted():
                key = StepKey(event.position, event.role, event.alternative)
                self.steps[key] = StepState(key, started=event.t)
            case StepDelta():
                step = self._step(event)
                step.pieces.append(event.text)
                step.tokens += event.tokens
                step.passes += event.passes or ()
                self.tokens_written[event.role] += event.tokens
            case StepFinished():
                step = self._step(event)
                self.tokens_written[event.role] += len(event.token_ids) - step.tokens
                step.text, step.token_ids, step.finish = event.text, event.token_ids, event.finish
                step.tokens, step.ended, step.phase = len(event.token_ids), event.t, StepPhase.COMPLETE
                step.pieces.clear()
            case StepCancelled():
                step = self._step(event)
                step.phase = StepPhase.CANCELLED
                if step.ended is None:
                    step.text, step.ended = "".join(step.pieces), event.t
                    step.pieces.clear()
            case VerdictStarted():
                self._drafted(event).phase = StepPhase.JUDGING
            case Verdict():
                step = self._drafted(event)
                step.verdict = event
                step.phase = StepPhase.ACCEPTED if event.accepted else StepPhase.REJECTED
                self.verdicts.append(event)
            case StepCommitted():
                step = self._step(event)
                step.phase = StepPhase(event.outcome)
                self.answer.append(CommittedStep(step.key, event.outcome, event.tokens, event.t, self.cycle))
            case DraftedAhead():
                self.tokens_written[Role.DRAFT] += event.tokens - self.drafted_ahead.tokens
                self.drafted_ahead = event
            case RoleDegraded():
                self.degraded[event.role] = event.reason
            case RoleRecovered():
                self.degraded.pop(event.role, None)
            case SettingChosen():
                self.chosen.append(event)
            case RunFinished():
                self.finished = event

    def _step(self, event: StepDelta | StepFinished | StepCancelled | StepCommitted) -> StepState:
        return self.steps[StepKey(event.position, event.role, event.alternative)]

    def _drafted(self, event: VerdictStarted | Verdict) -> StepState:
        return self.steps[StepKey(event.position, Role.DRAFT, event.alternative)]


def fold(events: Iterable[Event]) -> RunState:
    """The state of a run after these events."""
    state = RunState()
    for event in events:
        state.apply(event)
    return state
