"""A run as the application holds it, and a race: a run beside its baseline and further runs of the same prompt."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lr_demo.config import Mode, RunSettings
from lr_demo.events import RunStarted
from lr_demo.run_state import RunState, fold
from lr_demo.runs.log import EventLog
from lr_demo.runs.summary import Summary, summarize
from lr_demo.runs.traces import is_imported

MOST_LANES = 4
"""Most runs of a race, its baseline among them: more cannot be watched."""


class RunPhase(StrEnum):
    """Where a run is; after `QUEUED` the names are those of `events.RunStatus`."""

    QUEUED = "queued"
    """It waits for another run, or for the models."""
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(eq=False)
class RunHandle:
    """One run: its log, live or recorded. Safe to read from any thread."""

    id: str
    prompt: str
    settings: RunSettings
    log: EventLog
    recorded: bool = False
    """True where the log comes from a trace of an earlier time."""
    trace: Path | None = None
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)
    """The engine's own; None while queued and for recorded runs."""

    @property
    def imported(self) -> bool:
        """True where the trace came from somebody else: nothing of it was measured here."""
        return self.trace is not None and is_imported(self.trace)

    @property
    def phase(self) -> RunPhase:
        finished = self.log.finished
        if finished is not None:
            return RunPhase(finished.status.value)
        return RunPhase.RUNNING if len(self.log) else RunPhase.QUEUED

    @property
    def started(self) -> RunStarted | None:
        """The first event: when, on which models and hardware; None while queued."""
        first = self.log.first
        return first if isinstance(first, RunStarted) else None

    def state(self) -> RunState:
        """The log, folded: O(events)."""
        return fold(self.log.events())


@dataclass(frozen=True, eq=False)
class Race:
    """Runs of one prompt that are compared: in one mode, in further ones, and in plain decoding as their baseline."""

    run: RunHandle
    """The race is named after it."""
    baseline: RunHandle | None
    """The autoregressive run that the others are compared with."""
    turns: tuple[tuple[RunHandle, ...], ...]
    """What is measured after what; the runs of one turn at the same time, each on devices of its own."""
    rivals: tuple[RunHandle, ...] = ()
    """The runs in further modes."""
    expected: str = ""
    """The answer that is expected; empty where none was given."""
    concurrent: bool = False
    """True where it shares the servers with other runs, and measures nothing that counts for a run alone."""

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def handles(self) -> tuple[RunHandle, ...]:
        """The baseline, where there is one, the rivals and the run."""
        return (*(() if self.baseline is None else (self.baseline,)), *self.rivals, self.run)

    @property
    def measured(self) -> tuple[RunHandle, ...]:
        """The runs that are measured for this race, in order."""
        return tuple(handle for turn in self.turns for handle in turn)

    @property
    def baseline_cached(self) -> bool:
        """True where the baseline was measured earlier; `baseline.started.started_at` says when."""
        return self.baseline is not None and self.turn_of(self.baseline) is None

    @property
    def at_once(self) -> bool:
        """True where the run and the baseline are measured at the same time."""
        return self.baseline is not None and self.turn_of(self.baseline) == self.turn_of(self.run)

    @property
    def over(self) -> bool:
        """True once all its runs have ended."""
        return all(handle.log.finished is not None for handle in self.handles)

    def turn_of(self, handle: RunHandle) -> int | None:
        """In which turn, from 0, a run is measured; None where it was measured earlier."""
        return next((number for number, turn in enumerate(self.turns) if handle in turn), None)

    def summary(self) -> Summary:
        """The run's figures so far, beside those of its baseline if that has finished."""
        return summarize(self.run.state(), self.baseline.state() if self.baseline is not None else None)


def belongs(baseline: RunHandle, run: RunHandle) -> bool:
    """Whether the baseline that a run names can be its own: another machine's run may name any id there is here."""
    return baseline.imported == run.imported and (baseline.prompt == run.prompt or not run.imported)


def recorded_settings(settings: Mapping[str, object]) -> RunSettings:
    """The settings of a recorded run; those that this release does not know any more are left out."""
    return RunSettings.model_validate({key: settings[key] for key in RunSettings.model_fields if key in settings})


def rival_settings(settings: RunSettings, mode: Mode) -> RunSettings:
    """The settings of a run's rival in another mode; a threshold of another scale is the default."""
    same_scale = settings.mode.compares_steps and mode.compares_steps
    return settings.model_copy(update={"mode": mode, **({} if same_scale else {"threshold": None})})
