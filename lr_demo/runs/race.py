"""A run as the application holds it, and a race: a run beside its autoregressive baseline."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lr_demo.config import RunSettings
from lr_demo.events import RunStarted
from lr_demo.run_state import RunState, fold
from lr_demo.runs.log import EventLog
from lr_demo.runs.summary import Summary, summarize
from lr_demo.runs.traces import is_imported


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
    """A run, and the autoregressive run it is compared with: measured before it, or at the same time."""

    run: RunHandle
    baseline: RunHandle | None
    baseline_cached: bool
    """True where the baseline was measured earlier; `baseline.started.started_at` says when."""
    at_once: bool = False
    """True where both are measured at the same time, each on devices of its own."""
    concurrent: bool = False
    """True where it shares the servers with other runs, and measures nothing that counts for a run alone."""

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def handles(self) -> tuple[RunHandle, ...]:
        """The baseline, where there is one, and the run."""
        return (self.run,) if self.baseline is None else (self.baseline, self.run)

    @property
    def turns(self) -> tuple[tuple[RunHandle, ...], ...]:
        """What is measured after what; the runs of one turn at the same time."""
        return (self.handles,) if self.at_once else tuple((handle,) for handle in self.handles)

    def summary(self) -> Summary:
        """The run's figures so far, beside those of its baseline if that has finished."""
        return summarize(self.run.state(), self.baseline.state() if self.baseline is not None else None)


def belongs(baseline: RunHandle, run: RunHandle) -> bool:
    """Whether the baseline that a run names can be its own: another machine's run may name any id there is here."""
    return baseline.imported == run.imported and (baseline.prompt == run.prompt or not run.imported)


def recorded_settings(settings: Mapping[str, object]) -> RunSettings:
    """The settings of a recorded run; those that this release does not know any more are left out."""
    return RunSettings.model_validate({key: settings[key] for key in RunSettings.model_fields if key in settings})
