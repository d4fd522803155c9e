"""The history of runs: every trace of the store, searched and filtered by its ends alone; figures for those shown."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lr_demo.decoding.answers import final_answer
from lr_demo.errors import TraceError
from lr_demo.events import Event, Outcome, RunStarted, RunStatus, StepCommitted, StepFinished, from_json_line
from lr_demo.grading import compare
from lr_demo.run_state import StepKey
from lr_demo.runs.race import RunPhase
from lr_demo.runs.traces import CUT_SHORT, TraceHeader, TraceStore

PAGE = 25
"""Runs on one page of the history."""
_COMMITTED = b'"type":"step_committed"'
_FINISHED = b'"type":"step_finished"'
_logger = logging.getLogger(__name__)


class Origin(StrEnum):
    """Where the figures of a run come from."""

    MEASURED = "measured"
    """By this program on this machine."""
    RECORDED = "recorded"
    """Somewhere else: on other hardware, or by somebody whose trace was imported."""
    SIMULATED = "simulated"
    """No real model took part, wherever it was."""

    @classmethod
    def of(cls, started: RunStarted, imported: bool, hardware: str) -> "Origin":
        """Where a run's figures come from, seen from this machine's `hardware`."""
        if started.simulated:
            return cls.SIMULATED
        return cls.RECORDED if imported or started.hardware != hardware else cls.MEASURED


@dataclass(frozen=True, slots=True)
class Figures:
    """What a trace says of a run without being read whole; the same figures as its `Summary`."""

    output_tokens: int
    wall_s: float
    accepted: int
    corrected: int
    final_answer: str | None

    @property
    def tokens_per_s(self) -> float | None:
        """Output tokens per second of wall time."""
        return self.output_tokens / self.wall_s if self.wall_s > 0 else None

    @property
    def acceptance_rate(self) -> float | None:
        """accepted / (accepted + corrected), 0 to 1."""
        decided = self.accepted + self.corrected
        return self.accepted / decided if decided else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of the history."""

    header: TraceHeader
    status: RunPhase
    reason: str
    """Why it ended."""
    origin: Origin
    figures: Figures | None
    """None where the trace cannot be read."""
    speedup: float | None
    """Over its baseline, where that is known and has finished."""
    correct: bool | None
    """None where no answer is expected, the run has not finished or is simulated, or it cannot be told."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; an empty value fits every run."""

    words: str = ""
    """Each of them is in the prompt, whatever the case."""
    mode: str = ""
    profile: str = ""
    status: RunPhase | None = None
    origin: Origin | None = None
    correct: bool | None = None
    """Runs whose final answer is the expected one, or is not."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what was found."""

    entries: tuple[Entry, ...]
    found: int
    """Runs that fit the search."""
    total: int
    """Runs there are."""
    modes: tuple[str, ...]
    """Of all runs, to choose from."""
    profiles: tuple[str, ...]


class History:
    """Reads the store's traces for a list. Safe to use from several threads."""

    def __init__(
        self,
        store: TraceStore,
        hardware: str,
        running: Callable[[], frozenset[str]],
        expected: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """`hardware` is this machine's; `running` tells the ids of the runs under way, `expected` a prompt's answer."""
        self._store = store
        self._hardware = hardware
        self._running = running
        self._expected = expected
        self._figures: dict[Path, tuple[tuple[int, int], Figures]] = {}
        """By trace, with the time and size of the file they were read from."""

    def page(self, search: Search, offset: int = 0) -> Page:
        """`PAGE` runs from number `offset` of those that fit, the newest first."""
        headers = [*self._store.headers(), *self._store.imported_headers()]
        headers.sort(key=lambda header: header.started.began, reverse=True)
        by_id = {(header.run, header.imported): header for header in headers}
        running = self._running()
        found = [header for header in headers if self._fits(header, search, running)]
        return Page(
            entries=tuple(self._entry(header, by_id, running) for header in found[offset : offset + PAGE]),
            found=len(found),
            total=len(headers),
            modes=tuple(sorted({header.started.mode for header in headers})),
            profiles=tuple(sorted({header.started.profile for header in headers})),
        )

    def _fits(self, header: TraceHeader, search: Search, running: frozenset[str]) -> bool:
        started = header.started
        if (search.mode and started.mode != search.mode) or (search.profile and started.profile != search.profile):
            return False
        if (
            search.origin is not None
            and Origin.of(header.started, header.imported, self._hardware) is not search.origin
        ):
            return False
        if search.status is not None and _status(header, running) is not search.status:
            return False
        if search.words:
            prompt = started.prompt.casefold()
            if not all(word in prompt for word in search.words.casefold().split()):
                return False
        return search.correct is None or self._correct(header) is search.correct

    def _entry(self, header: TraceHeader, by_id: dict[tuple[str, bool], TraceHeader], running: frozenset[str]) -> Entry:
        status = _status(header, running)
        figures = self._figures_of(header)
        ended = header.finished.reason if header.finished is not None else CUT_SHORT
        return Entry(
            header=header,
            status=status,
            reason="" if status is RunPhase.RUNNING else ended,
            origin=Origin.of(header.started, header.imported, self._hardware),
            figures=figures,
            speedup=self._speedup(header, figures, by_id) if status is RunPhase.FINISHED else None,
            correct=self._correct(header),
        )

    def _speedup(
        self, header: TraceHeader, figures: Figures | None, by_id: dict[tuple[str, bool], TraceHeader]
    ) -> float | None:
        reference = by_id.get((header.started.baseline or "", header.imported))
        if figures is None or reference is None or _status(reference, frozenset()) is not RunPhase.FINISHED:
            return None
        if header.imported and reference.started.prompt != header.started.prompt:
            return None
        baseline = self._figures_of(reference)
        if baseline is None or figures.tokens_per_s is None or not baseline.tokens_per_s:
            return None
        return figures.tokens_per_s / baseline.tokens_per_s

    def _correct(self, header: TraceHeader) -> bool | None:
        expected = header.started.expected or self._expected(header.started.prompt)
        if not expected or header.started.simulated or _status(header, frozenset()) is not RunPhase.FINISHED:
            return None  # what simulated models write means nothing
        figures = self._figures_of(header)
        if figures is None:
            return None
        return compare(figures.final_answer, expected)

    def _figures_of(self, header: TraceHeader) -> Figures | None:
        try:
            file = header.path.stat()
            state = (file.st_mtime_ns, file.st_size)
            known = self._figures.get(header.path)
            if known is None or known[0] != state:
                known = (state, read_figures(header))
                self._figures[header.path] = known
        except (OSError, TraceError) as error:
            _logger.debug("no figures of %s: %s", header.path, error)
            return None
        return known[1]


def read_figures(header: TraceHeader) -> Figures:
    """The figures of a trace. Only the lines that tell of the answer are parsed: a tenth of them, or less.

    Inside a text a quotation mark is escaped, so what is looked for stands only where it names an event's type.

    Raises:
        OSError: the file cannot be read.
        TraceError: a line of it is no event.
    """
    lines = header.path.read_bytes().split(b"\n")[:-1]
    committed = [event for event in _events(lines, _COMMITTED) if isinstance(event, StepCommitted)]
    texts = {StepKey(step.position, step.role, step.alternative): "" for step in committed}
    for event in _events(lines, _FINISHED):
        if isinstance(event, StepFinished):
            key = StepKey(event.position, event.role, event.alternative)
            if key in texts:
                texts[key] = event.text
    end = header.finished.t if header.finished is not None else _last_time(lines)
    return Figures(
        output_tokens=sum(step.tokens for step in committed),
        wall_s=end,
        accepted=sum(step.outcome is Outcome.ACCEPTED for step in committed),
        corrected=sum(step.outcome is Outcome.CORRECTED for step in committed),
        final_answer=final_answer("".join(texts.values())),
    )


def _events(lines: Iterable[bytes], kind: bytes) -> Iterable[Event]:
    return (from_json_line(line) for line in lines if kind in line)


def _last_time(lines: list[bytes]) -> float:
    for line in reversed(lines):
        try:
            return from_json_line(line).t
        except TraceError:  # the disk kept less than was written
            continue
    return 0.0


def _status(header: TraceHeader, running: frozenset[str]) -> RunPhase:
    if header.finished is not None:
        return RunPhase(header.finished.status.value)
    if header.run in running and not header.imported:
        return RunPhase.RUNNING
    return RunPhase(RunStatus.FAILED.value)
