"""The stages of a recorded run, for the Learn page: where to stop in its events, and what is to be seen there.

A pure function of the events. The page folds the events up to a stage and shows the stage's sentence.
"""

from collections.abc import Iterable, Iterator, Sequence

from lr_demo.config import Mode
from lr_demo.events import (
    CycleStarted,
    Event,
    Outcome,
    PositionOpened,
    Role,
    RoleDegraded,
    RoleRecovered,
    RunFinished,
    RunStarted,
    RunStatus,
    StepCancelled,
    StepCommitted,
    StepDelta,
    StepFinished,
    StepStarted,
    Verdict,
    VerdictStarted,
)
from lr_demo.run_state import RunState, StepKey
from lr_demo.ui.stages import Pointer, Stage, StageKind, answered
from lr_demo.ui.token_tour import token_stages

_AFTERMATH = (StepCancelled, CycleStarted, PositionOpened, StepStarted, VerdictStarted)
"""Events by which the window slides or a new cycle begins."""


def stages(events: Sequence[Event], *, compared: bool = False) -> list[Stage]:
    """The stages of a run, in the order of its events; a verdict is preceded by its prediction.

    `compared`: its speed is compared with the target's alone, and predicted too.
    """
    first = events[0]
    if isinstance(first, RunStarted) and first.mode == Mode.SPECULATIVE:
        return [*token_stages(events, compared=compared)]
    return [*_Guide(events, compared=compared).stages()]


class _Guide:
    """Walks through the events once, with their fold."""

    def __init__(self, events: Sequence[Event], *, compared: bool) -> None:
        self._events, self._compared = events, compared
        self._state = RunState()
        self._halfway = dict(_halfway(events))
        self._expanded: set[int] = set()
        """Cycles whose expansion has been shown."""
        self._wrote_on = False
        """Whether it has been shown that the target goes on behind its own step."""

    def stages(self) -> Iterator[Stage]:
        for event in self._events:
            match event:
                case Verdict():
                    yield self._prediction(event)
                    self._state.apply(event)
                    yield self._verdict(event)
                    continue
                case StepCommitted():
                    role_away = self._state.degraded.get(Role.DRAFT)
                    self._state.apply(event)
                    yield self._outcome(event, away=role_away is not None)
                    yield from self._window(event)
                    continue
            self._state.apply(event)
            match event:
                case RunStarted():
                    yield self._problem(event)
                case StepDelta() if event.seq in self._halfway:
                    yield self._drafting(event)
                case StepStarted(role=Role.TARGET):
                    yield from self._expansion(event)
                case RoleDegraded():
                    text = f"The {event.role} is away: {event.reason}. The run goes on without it."
                    yield self._stage(StageKind.ROLE, event, text, pointer=Pointer.BOTTOM)
                case RoleRecovered():
                    text = f"The {event.role} is back, and is used again."
                    yield self._stage(StageKind.ROLE, event, text, pointer=Pointer.BOTTOM)
                case RunFinished():
                    if self._compared and event.status is RunStatus.FINISHED:
                        yield self._speedup(event)
                    yield self._end(event)

    def _stage(
        self,
        kind: StageKind,
        event: Event,
        text: str,
        *,
        position: int | None = None,
        pointer: Pointer = Pointer.CARD,
        accepted: bool | None = None,
        before: bool = False,
    ) -> Stage:
        step = self._state.positions[position].step if position is not None else None
        return Stage(
            kind=kind,
            seq=event.seq - before,
            cycle=self._state.cycle,
            text=text,
            pointer=pointer,
            step=step,
            position=position,
            accepted=accepted,
        )

    def _problem(self, event: RunStarted) -> Stage:
        ahead = event.settings.get("lookahead")
        models = ", ".join(f"{role} {model}" for role, model in event.models.items())
        text = (
            f"A problem for {models}. The draft may be {ahead} step{'' if ahead == 1 else 's'} ahead of the accepted "
            "text (γ); a step ends at a blank line."
        )
        return self._stage(StageKind.PROBLEM, event, text, pointer=Pointer.TOP)

    def _drafting(self, event: StepDelta) -> Stage:
        number = self._state.positions[event.position].step + 1
        text = (
            f"Drafting: the small model writes step {number}. The target writes its own step {number} from the very "
            "same text, at the same time; it will be what the drafted one is compared with."
        )
        return self._stage(StageKind.DRAFTING, event, text, position=event.position)

    def _expansion(self, event: StepStarted) -> Iterator[Stage]:
        opened = self._state.positions[event.position]
        cycle = self._state.cycle
        if opened.parent is not None and opened.parent_role is Role.TARGET:
            yield from self._writing_on(event, opened)
            return
        if opened.parent is None or cycle in self._expanded:
            return
        self._expanded.add(cycle)
        writing = sum(1 for key, step in self._state.steps.items() if key.role is Role.TARGET and step.ended is None)
        batch = f"{writing} steps in one batch" if writing > 1 else "one step"
        text = (
            f"Expansion: step {opened.step} is drafted. As if it were accepted already, the target begins step "
            f"{opened.step + 1} behind it, before anyone knows whether the draft was right. It now writes {batch}."
        )
        yield self._stage(StageKind.EXPANSION, event, text, position=event.position)

    def _writing_on(self, event: StepStarted, opened: PositionOpened) -> Iterator[Stage]:
        if self._wrote_on:
            return
        self._wrote_on = True
        text = (
            f"Writing on: the target’s own step {opened.step} is complete, its verdict is still to come. In case the "
            f"drafted one is rejected, the target goes on behind its own, with step {opened.step + 1}; if it is "
            "accepted, this is given up."
        )
        yield self._stage(StageKind.EXPANSION, event, text, position=event.position)

    def _prediction(self, event: Verdict) -> Stage:
        number = self._state.positions[event.position].step + 1
        text = f"Step {number} is there twice: the draft’s and the target’s. Do they say the same? What is the verdict?"
        return self._stage(
            StageKind.PREDICTION, event, text, position=event.position, accepted=event.accepted, before=True
        )

    def _verdict(self, event: Verdict) -> Stage:
        word = "Accepted" if event.accepted else "Rejected"
        match event.method:
            case "identical":
                text = "Accepted without asking anyone: the texts are equal, apart from white space and case."
            case "ending":
                text = f"Rejected: {event.reason}, so the steps cannot mean the same."
            case method:
                took = f" It took {event.latency_s:.1f} s." if event.latency_s >= 0.1 else ""
                text = f"{word} by the {method}: {event.reason or 'it gives no reason'}.{took}"
        number, decided = self._state.positions[event.position].step + 1, len(self._state.answer)
        if number > decided + 1:
            text += f" It decides nothing yet: step {decided + 1} comes first."
        return self._stage(StageKind.VERDICT, event, text, position=event.position, accepted=event.accepted)

    def _outcome(self, event: StepCommitted, *, away: bool) -> Stage:
        number = event.step + 1
        match event.outcome:
            case Outcome.ACCEPTED:
                text = (
                    f"Step {number} of the answer is the drafted one. The target’s version was only needed to check "
                    "it; what both wrote behind it in the meantime stays."
                )
            case Outcome.CORRECTED:
                text = f"Correction: step {number} of the answer is the target’s own. The drafted one stays beneath it."
            case Outcome.TARGET:
                text = f"Step {number} is the target’s own: {self._without_draft(event, away=away)}"
        return self._stage(StageKind.OUTCOME, event, text, position=event.position)

    def _without_draft(self, event: StepCommitted, *, away: bool) -> str:
        if away:
            return "the draft is away."
        drafted = self._state.steps.get(StepKey(event.position, Role.DRAFT))
        if drafted is None:
            return "the draft was not allowed to be so far ahead, so there is nothing to compare it with."
        return (
            f"it was complete when the draft had written {drafted.tokens} token{'' if drafted.tokens == 1 else 's'} "
            "of the same step. Nothing was gained: this step came at the target’s pace."
        )

    def _window(self, committed: StepCommitted) -> Iterator[Stage]:
        """What follows a committed step at once, and whether it is a new cycle."""
        following: list[Event] = []
        for event in self._events[committed.seq + 1 :]:
            if not isinstance(event, _AFTERMATH):
                break
            following.append(event)
        if not following:
            return
        last = following[-1]
        ahead = RunState()
        for event in self._events[: last.seq + 1]:
            ahead.apply(event)
        root = next((event for event in following if isinstance(event, CycleStarted)), None)
        if root is None:
            yield self._slid(committed, ahead, last)
            return
        number = ahead.positions[root.position].step + 1 if root.position in ahead.positions else committed.step + 2
        lost = _given_up(self._events[self._burst_start(committed) : last.seq + 1])
        why = "Everything built on the rejected step" if committed.outcome is Outcome.CORRECTED else "What is late now"
        gone = f"{why} is given up: {lost}. " if lost else ""
        text = f"{gone}A new cycle begins behind the target’s step: draft and target both start on step {number}."
        pointer = Pointer.GIVEN_UP if lost else Pointer.CARD
        yield Stage(
            kind=StageKind.WINDOW,
            seq=last.seq,
            cycle=self._state.cycle,
            text=text,
            pointer=pointer,
            step=committed.step,
            position=committed.position,
        )

    def _slid(self, committed: StepCommitted, ahead: RunState, last: Event) -> Stage:
        depth = max((opened.step for opened in ahead.positions.values()), default=committed.step)
        text = (
            f"The window slides by one step. Work on step{'s' if depth > committed.step + 1 else ''} "
            f"{_span(committed.step + 2, depth + 1)} goes on undisturbed: it was begun on the right text."
        )
        return Stage(
            kind=StageKind.WINDOW,
            seq=last.seq,
            cycle=self._state.cycle,
            text=text,
            step=committed.step + 1,
            position=None,
        )

    def _burst_start(self, committed: StepCommitted) -> int:
        """Index of the first of the events just before a committed step that give work up."""
        first = committed.seq
        while first > 0 and isinstance(self._events[first - 1], StepCancelled):
            first -= 1
        return first

    def _speedup(self, event: RunFinished) -> Stage:
        answer = self._state.answer
        counts = {outcome: sum(step.outcome is outcome for step in answer) for outcome in Outcome}
        said = [
            f"{counts[Outcome.ACCEPTED]} {'is' if counts[Outcome.ACCEPTED] == 1 else 'are'} the draft’s",
            f"{counts[Outcome.CORRECTED]} {'was' if counts[Outcome.CORRECTED] == 1 else 'were'} corrected",
        ]
        if counts[Outcome.TARGET]:
            said.append(f"{counts[Outcome.TARGET]} had no drafted step in time")
        text = (
            f"The answer is there. Of its {len(answer)} steps {' and '.join(said)}. How fast did it come, against the "
            "target alone?"
        )
        return self._stage(StageKind.SPEEDUP, event, text, pointer=Pointer.BOTTOM, before=True)

    def _end(self, event: RunFinished) -> Stage:
        return self._stage(StageKind.END, event, answered(event, self._state), pointer=Pointer.BOTTOM)


def _halfway(events: Sequence[Event]) -> Iterator[tuple[int, int]]:
    """(seq, position) of the delta in the middle of each cycle's first drafted step that is completed."""
    root, deltas = -1, list[StepDelta]()
    for event in events:
        match event:
            case CycleStarted():
                root, deltas = event.position, []
            case StepDelta(role=Role.DRAFT) if event.position == root:
                deltas.append(event)
            case StepFinished(role=Role.DRAFT) if event.position == root and deltas:
                yield deltas[len(deltas) // 2].seq, root
                deltas = []


def _given_up(events: Iterable[Event]) -> str:
    """What was cancelled, in words; empty where nothing was."""
    cancelled = [event.role for event in events if isinstance(event, StepCancelled)]
    drafts = sum(1 for role in cancelled if role is Role.DRAFT)
    expansions = len(cancelled) - drafts
    parts = []
    if drafts:
        parts.append(f"{drafts} drafted step{'' if drafts == 1 else 's'}")
    if expansions:
        parts.append(f"{expansions} expansion{'' if expansions == 1 else 's'}")
    return " and ".join(parts)


def _span(first: int, last: int) -> str:
    return str(first) if last <= first else f"{first} to {last}"
