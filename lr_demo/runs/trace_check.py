"""Checks a trace that came from elsewhere, line by line: nothing in it is believed before."""

import json

from pydantic import BaseModel, ValidationError

from lr_demo.config import MAX_PROMPT_CHARACTERS, Mode
from lr_demo.errors import TraceError, UnknownVersion
from lr_demo.events import (
    Event,
    PositionOpened,
    Role,
    RunFinished,
    RunStarted,
    StepCancelled,
    StepCommitted,
    StepDelta,
    StepFinished,
    StepStarted,
    Verdict,
    VerdictStarted,
    from_json_line,
)
from lr_demo.runs.race import recorded_settings
from lr_demo.runs.traces import RUN_ID

MOST_BYTES = 32 * 2**20
"""Largest trace that is taken: five times that of an answer of 32,000 tokens."""
MOST_EVENTS = 250_000
MOST_LINE_BYTES = 2 * 2**20
MOST_ALTERNATIVES = 64
"""Above the largest width that can be set."""
LONGEST_RUN_S = 30 * 86_400.0
_MOST_NUMBER = 2**53
"""Beyond it a browser does not tell two whole numbers apart."""
_MOST_SAID = 200


def check_trace(content: bytes) -> list[Event]:
    """The events of a trace that came from elsewhere; a broken last line is left out.

    Raises:
        TraceError: it is no trace, of another schema version, too large, damaged or in the wrong order; says in which
            line, counted from 1, and what is wrong there.
    """
    if len(content) > MOST_BYTES:
        raise TraceError(f"this file has {len(content):,} bytes; traces of up to {MOST_BYTES:,} are taken")
    lines = content.removesuffix(b"\n").split(b"\n")
    if not content.strip():
        raise TraceError("this file is empty: a trace has one event a line, as JSON")
    if len(lines) > MOST_EVENTS:
        raise TraceError(f"this file has {len(lines):,} lines; traces of up to {MOST_EVENTS:,} events are taken")
    check = _Check()
    for number, line in enumerate(lines, start=1):
        try:
            if len(line) > MOST_LINE_BYTES:
                raise TraceError(f"it has {len(line):,} bytes; up to {MOST_LINE_BYTES:,} are taken")
            event = _event(line.removesuffix(b"\r"))
            if event is None:
                if number == len(lines) > 1 and not isinstance(check.events[-1], RunFinished):
                    break  # it was cut short while being written
                raise TraceError(_why_no_event(line))
            check.take(event)
        except TraceError as error:
            raise TraceError(f"line {number:,}: {error}") from None
    return check.events


def _event(line: bytes) -> Event | None:
    """None where the line is no event.

    Raises:
        TraceError: it is one of another schema version.
    """
    try:
        return from_json_line(line)
    except UnknownVersion:
        raise
    except TraceError:
        return None


def _why_no_event(line: bytes) -> str:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return "it is not JSON: a trace has one event of a run a line, as JSON"
    if not isinstance(found, dict) or not isinstance(kind := found.get("type"), str):
        return "it is no event: a trace has one event of a run a line, as JSON"
    return f"it is a damaged or unknown event, of type {_said(kind)}"


class _Check:
    """What events must not contradict: the order, and what was told before."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._positions: dict[int, tuple[int, int | None, Role, int]] = {}
        """Position to its step, and the step that leads there: its position, role and alternative."""
        self._started: set[tuple[int, Role, int]] = set()
        self._finished: set[tuple[int, Role, int]] = set()
        self._committed: set[int] = set()
        """Positions whose step is in the answer."""

    def take(self, event: Event) -> None:
        """Raises TraceError where an event cannot follow those before it."""
        _check_numbers(event)
        if not self.events:
            _check_start(event)
        else:
            self._check_order(event, self.events[0])
            self._check_sense(event)
        self.events.append(event)

    def _check_order(self, event: Event, first: Event) -> None:
        number = len(self.events)
        if event.run != first.run:
            raise TraceError(f"it belongs to run {_said(event.run)}, those before it to {_said(first.run)}")
        if isinstance(self.events[-1], RunFinished):
            raise TraceError("it comes after the end of the run")
        if isinstance(event, RunStarted):
            raise TraceError("a second run starts here: a trace holds one run")
        if event.seq < number:
            raise TraceError(
                f"event {event.seq} is there a second time, or in the wrong place: {number} should be here"
            )
        if event.seq > number:
            raise TraceError(f"event {event.seq} where {number} should be: lines are missing or in the wrong order")
        if event.t < self.events[-1].t:
            raise TraceError(f"it happened at {event.t:g} s, before the event in front of it ({self.events[-1].t:g} s)")

    def _check_sense(self, event: Event) -> None:
        """Each event is about something that was told before."""
        match event:
            case PositionOpened():
                if event.parent is not None and event.parent not in self._positions:
                    raise TraceError(f"position {event.position} opens below position {event.parent}, which is unknown")
                place = (event.step, event.parent, event.parent_role, event.parent_alternative)
                if self._positions.get(event.position, place) != place:  # after a failure it may open once more
                    raise TraceError(f"position {event.position} opens a second time, and elsewhere")
                if event.step > len(self._positions):
                    raise TraceError(f"position {event.position} is step {event.step}, further than any before it")
                self._positions[event.position] = place
            case StepStarted():
                if event.position not in self._positions:
                    raise TraceError(f"a step starts at position {event.position}, which was not opened")
                if event.role is Role.JUDGE:
                    raise TraceError("the judge writes no steps")
                if event.alternative >= (1 if event.role is Role.TARGET else MOST_ALTERNATIVES):
                    raise TraceError(f"there is no alternative {event.alternative} of a step of the {event.role}")
                self._started.add((event.position, event.role, event.alternative))
                self._finished.discard((event.position, event.role, event.alternative))
            case StepDelta() | StepFinished() | StepCancelled() | StepCommitted():
                self._check_step(event, (event.position, event.role, event.alternative))
            case VerdictStarted() | Verdict():
                if (event.position, Role.DRAFT, event.alternative) not in self._finished:
                    raise TraceError(f"a verdict on a drafted step of position {event.position} that is not complete")
            case _:
                pass

    def _check_step(
        self, event: StepDelta | StepFinished | StepCancelled | StepCommitted, key: tuple[int, Role, int]
    ) -> None:
        if key not in self._started:
            raise TraceError(f"it tells of a step of the {event.role} at position {event.position} that never started")
        if isinstance(event, StepDelta):
            if event.passes is not None and sum(event.passes) != event.tokens:
                raise TraceError(f"its passes wrote {sum(event.passes):,} tokens, and it has {event.tokens:,}")
        elif isinstance(event, StepFinished):
            self._finished.add(key)
        elif isinstance(event, StepCommitted):
            if key not in self._finished:
                raise TraceError(f"the step at position {event.position} joins the answer before it is complete")
            if event.step != len(self._committed):
                raise TraceError(f"step {event.step} joins the answer where step {len(self._committed)} is next")
            if event.position in self._committed:
                raise TraceError(f"a second step of position {event.position} joins the answer")
            self._committed.add(event.position)


def _check_start(event: Event) -> None:
    if not isinstance(event, RunStarted):
        raise TraceError(f"a trace begins with the start of a run, this one with {event.type}")
    if event.seq != 0:
        raise TraceError(f"the start of a run is its event 0, here it is {event.seq}")
    if not RUN_ID.fullmatch(event.run):
        raise TraceError(f"{_said(event.run)} is no run id: it has 4 to 32 small letters and digits")
    if len(event.prompt) > MAX_PROMPT_CHARACTERS:
        raise TraceError(f"its prompt has {len(event.prompt):,} characters; up to {MAX_PROMPT_CHARACTERS:,} are taken")
    if event.mode not in tuple(Mode):
        raise TraceError(f"{_said(event.mode)} is no mode: there are {', '.join(Mode)}")
    if event.baseline is not None and not RUN_ID.fullmatch(event.baseline):
        raise TraceError(f"its baseline {_said(event.baseline)} is no run id")
    try:
        settings = recorded_settings(event.settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "its settings"
        raise TraceError(f"the setting {name} is out of range: {first['msg'].removeprefix('Value error, ')}") from None
    if settings.mode != event.mode:
        raise TraceError(f"its mode is {event.mode}, and {settings.mode} in its settings")


def _check_numbers(part: BaseModel) -> None:
    """No number that cannot be drawn: infinite, negative where a count or a time is meant, or absurdly large."""
    for name, value in vars(part).items():
        if isinstance(value, BaseModel):
            _check_numbers(value)
        numbers = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int | float):
                continue
            if not -_MOST_NUMBER <= number <= _MOST_NUMBER:  # nor is it where it is not a number
                raise TraceError(f"{name} = {_said(str(number))} is no number that can be shown")
            if number < 0 and name not in ("score", "settings"):
                raise TraceError(f"{name} = {number} is negative")
    if isinstance(time := getattr(part, "t", 0.0), float) and time > LONGEST_RUN_S:
        raise TraceError(f"it happened {time:g} s after the run began; runs of up to {LONGEST_RUN_S:g} s are taken")


def _said(text: str) -> str:
    return repr(text if len(text) <= _MOST_SAID else text[:_MOST_SAID] + "…")
