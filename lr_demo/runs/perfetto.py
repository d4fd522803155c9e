"""A run as a trace for Perfetto (ui.perfetto.dev) and Chrome's tracing: a pure function of its events.

The format is the Trace Event Format's JSON object; times are microseconds. Perfetto wants the slices of
one track to nest, so every role has as many tracks as it ever had sequences at once, and a sequence takes
the lowest that is free. Counters belong to the process of the run.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lr_demo.errors import TraceError
from lr_demo.events import (
    CycleStarted,
    Event,
    Outcome,
    Role,
    RoleDegraded,
    RoleRecovered,
    RunFinished,
    RunStarted,
    SettingChosen,
    StepCancelled,
    StepCommitted,
    StepFinished,
    StepStarted,
    Verdict,
    VerdictStarted,
)
from lr_demo.run_state import RunState, StepKey, StepState

Json = str | int | float | bool | None | Sequence["Json"] | dict[str, "Json"]
RUN_PROCESS = 1
"""Process id of the run's own tracks: its cycles, its counters."""
PROCESSES = {Role.DRAFT: 2, Role.TARGET: 3, Role.JUDGE: 4}
BATCH, TOKENS = "target batch size", "accepted tokens"
"""The counters' names."""
_NAMES = {Role.DRAFT: "draft · drafted steps", Role.TARGET: "target · target steps", Role.JUDGE: "judge · verdicts"}
_MOST_TRACKS = 1000


@dataclass
class _Slice:
    """Something that took time, on one track."""

    process: int
    track: int
    start: int
    """Microseconds since the run began."""
    name: str
    end: int | None = None
    args: dict[str, Json] = field(default_factory=dict)

    @property
    def thread(self) -> int:
        return self.process * _MOST_TRACKS + self.track


@dataclass
class _Tracks:
    """The tracks of one role: a slice takes the lowest that is free."""

    busy: list[bool] = field(default_factory=list)

    def take(self) -> int:
        for track, busy in enumerate(self.busy):
            if not busy:
                self.busy[track] = True
                return track
        self.busy.append(True)
        return len(self.busy) - 1


def perfetto(events: Iterable[Event]) -> str:
    """The trace as JSON text, for an ended run or one that is under way.

    Raises:
        TraceError: there is no event in it, or it does not begin with the start of a run.
    """
    builder = _Builder()
    for event in events:
        builder.take(event)
    return json.dumps(builder.result(), ensure_ascii=False, separators=(",", ":"))


class _Builder:
    """Folds events into slices, counters and marks."""

    def __init__(self) -> None:
        self._state = RunState()
        self._tracks = {role: _Tracks() for role in PROCESSES}
        self._slices: list[_Slice] = []
        self._writing: dict[StepKey, _Slice] = {}
        self._judging: dict[StepKey, _Slice] = {}
        self._drawn: dict[StepKey, _Slice] = {}
        """The last slice of every step: what becomes of it is said there."""
        self._cycle: _Slice | None = None
        self._accepted = 0
        """Tokens of the answer so far."""
        self._points: list[dict[str, Json]] = []

    def take(self, event: Event) -> None:
        """Take one event; they come in the order of the log."""
        at = _microseconds(event.t)
        if isinstance(event, StepStarted):  # before the state forgets what was written until now
            self._stop(StepKey(event.position, event.role, event.alternative), at, "failed, and was started again")
        self._state.apply(event)
        match event:
            case CycleStarted():
                self._end_cycle(at)
                self._cycle = self._begin(RUN_PROCESS, 0, at, f"cycle {event.cycle + 1}")
            case StepStarted():
                self._write(StepKey(event.position, event.role, event.alternative), at)
            case StepFinished():
                self._stop(StepKey(event.position, event.role, event.alternative), at, "complete")
            case StepCancelled():
                key = StepKey(event.position, event.role, event.alternative)
                self._stop(key, at, "cancelled")
                self._settle(key, at, "cancelled")
                self._say(key, "cancelled")
            case VerdictStarted():
                key = StepKey(event.position, Role.DRAFT, event.alternative)
                track = self._tracks[Role.JUDGE].take()
                self._judging[key] = self._begin(PROCESSES[Role.JUDGE], track, at, f"verdict on {self._name(key)}")
                self._judging[key].args.update(self._place(key), method=event.method)
            case Verdict():
                self._verdict(event, at)
            case StepCommitted():
                self._commit(event, at)
            case SettingChosen():
                self._mark(RUN_PROCESS, at, event.sentence)
            case RoleDegraded():
                self._mark(PROCESSES[event.role], at, f"{event.role} is away: {event.reason}")
            case RoleRecovered():
                self._mark(PROCESSES[event.role], at, f"{event.role} is back")
            case RunFinished():
                self._mark(RUN_PROCESS, at, f"{event.status.value}: {event.reason}")
                self._end(at)

    def result(self) -> dict[str, Json]:
        """What the file holds.

        Raises:
            TraceError: the events were none of a run.
        """
        started = self._state.started
        if started is None:
            raise TraceError("this run has no start: there is nothing to export yet")
        self._end(_microseconds(self._state.t))
        slices: list[Json] = [_complete(piece) for piece in sorted(self._slices, key=lambda piece: piece.start)]
        return {
            "traceEvents": [*self._names(started), *slices, *self._points],
            "displayTimeUnit": "ms",
            "otherData": {
                "program": "Lookahead Live",
                "run": started.run,
                "mode": started.mode,
                "label": "simulated" if started.simulated else "recorded",
                "simulation": started.simulation,
                "started_at": started.started_at,
                "hardware": started.hardware,
                "models": dict(started.models),
                "settings": dict(started.settings),
                "prompt": started.prompt,
            },
        }

    def _begin(self, process: int, track: int, at: int, name: str) -> _Slice:
        piece = _Slice(process, track, at, name)
        self._slices.append(piece)
        return piece

    def _write(self, key: StepKey, at: int) -> None:
        piece = self._begin(PROCESSES[key.role], self._tracks[key.role].take(), at, self._name(key))
        piece.args.update(self._place(key))
        self._writing[key] = self._drawn[key] = piece
        if key.role is Role.TARGET:
            self._batch(at)

    def _stop(self, key: StepKey, at: int, outcome: str) -> None:
        """The step is not being written any more."""
        piece = self._writing.pop(key, None)
        if piece is None:
            return
        piece.end = at
        self._tracks[key.role].busy[piece.track] = False
        step: StepState = self._state.steps[key]
        piece.args.update(outcome=outcome, tokens=step.tokens, text=step.text or "".join(step.pieces))
        if step.passes:
            piece.args["tokens_by_pass"] = step.passes
        if step.finish is not None:
            piece.args["finish"] = step.finish.value
        if key.role is Role.TARGET:
            self._batch(at)

    def _settle(self, key: StepKey, at: int, outcome: str) -> _Slice | None:
        """The verdict on a drafted step is there, or is not waited for any more."""
        piece = self._judging.pop(key, None)
        if piece is not None:
            piece.end = at
            piece.args["outcome"] = outcome
            self._tracks[Role.JUDGE].busy[piece.track] = False
        return piece

    def _verdict(self, event: Verdict, at: int) -> None:
        key = StepKey(event.position, Role.DRAFT, event.alternative)
        word = "accept" if event.accepted else "reject"
        told: dict[str, Json] = {"method": event.method, "reason": event.reason, "latency_s": event.latency_s}
        if event.score is not None:
            told["score"] = event.score
        piece = self._settle(key, at, word)
        if piece is not None:
            piece.args.update(told)
        else:  # nobody was asked: as for steps that are equal
            self._mark(PROCESSES[Role.JUDGE], at, f"{word}: {self._name(key)} ({event.method})")
        self._say(key, "accepted by the verdict" if event.accepted else "rejected", **told)

    def _commit(self, event: StepCommitted, at: int) -> None:
        key = StepKey(event.position, event.role, event.alternative)
        words = {Outcome.ACCEPTED: "accepted", Outcome.CORRECTED: "correction", Outcome.TARGET: "target's own"}
        self._say(key, words[event.outcome])
        expansion = self._drawn.get(StepKey(event.position, Role.TARGET))
        if event.outcome is Outcome.ACCEPTED and expansion is not None and expansion.args.get("outcome") == "complete":
            expansion.args["outcome"] = "confirmed a drafted step"
        self._accepted += event.tokens
        self._count(TOKENS, at, self._accepted)

    def _say(self, key: StepKey, outcome: str, **more: Json) -> None:
        piece = self._drawn.get(key)
        if piece is not None:
            piece.args.update(outcome=outcome, **more)

    def _batch(self, at: int) -> None:
        self._count(BATCH, at, sum(key.role is Role.TARGET for key in self._writing))

    def _count(self, name: str, at: int, value: int) -> None:
        self._points.append({"ph": "C", "name": name, "pid": RUN_PROCESS, "ts": at, "args": {"value": value}})

    def _mark(self, process: int, at: int, text: str) -> None:
        thread = process * _MOST_TRACKS
        self._points.append({"ph": "i", "s": "p", "name": text, "pid": process, "tid": thread, "ts": at, "args": {}})

    def _end_cycle(self, at: int) -> None:
        if self._cycle is not None:
            self._cycle.end = at
            self._cycle = None

    def _end(self, at: int) -> None:
        """What is still open ends here."""
        self._end_cycle(at)
        for key in list(self._writing):
            self._stop(key, at, "open at the end")
        for key in list(self._judging):
            self._settle(key, at, "open at the end")

    def _name(self, key: StepKey) -> str:
        position = self._state.positions.get(key.position)
        step = f"step {position.step + 1}" if position is not None else f"position {key.position}"
        return f"{step}, alternative {key.alternative + 1}" if key.alternative else step

    def _place(self, key: StepKey) -> dict[str, Json]:
        position = self._state.positions.get(key.position)
        return {
            "step": position.step + 1 if position is not None else None,
            "position": key.position,
            "alternative": key.alternative,
            "cycle": self._state.cycle + 1,
        }

    def _names(self, started: RunStarted) -> list[Json]:
        """Metadata: the names and the order of the tracks."""
        label = "simulated" if started.simulated else "recorded"
        said: list[Json] = [
            *_process(RUN_PROCESS, f"run {started.run} · {started.mode} · {label}", 0),
            _metadata("thread_name", RUN_PROCESS, "cycles", RUN_PROCESS * _MOST_TRACKS),
        ]
        for order, (role, process) in enumerate(PROCESSES.items(), start=1):
            tracks = len(self._tracks[role].busy)
            if not tracks:
                continue
            model = f" · {started.models[role]}" if role.value in started.models else ""
            said += _process(process, _NAMES[role] + model, order)
            said += [
                _metadata("thread_name", process, f"{role} {n + 1}", process * _MOST_TRACKS + n) for n in range(tracks)
            ]
        return said


def _microseconds(seconds: float) -> int:
    return round(seconds * 1e6)


def _complete(piece: _Slice) -> Json:
    assert piece.end is not None, "every slice has ended"
    return {
        "ph": "X",
        "name": piece.name,
        "cat": "cycle" if piece.process == RUN_PROCESS else "step",
        "pid": piece.process,
        "tid": piece.thread,
        "ts": piece.start,
        "dur": piece.end - piece.start,
        "args": piece.args,
    }


def _process(process: int, name: str, order: int) -> list[Json]:
    return [
        _metadata("process_name", process, name),
        {"ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": order}},
    ]


def _metadata(kind: str, process: int, name: str, thread: int | None = None) -> Json:
    where: dict[str, Json] = {} if thread is None else {"tid": thread}
    return {"ph": "M", "name": kind, "pid": process, **where, "args": {"name": name}}
