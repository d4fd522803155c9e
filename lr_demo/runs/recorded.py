"""Recorded runs and races, by run id, from any source of runs."""

import logging
from collections.abc import Callable

from lr_demo.errors import TraceError
from lr_demo.events import RunStarted
from lr_demo.runs.race import MOST_LANES, Race, RunHandle, belongs, recorded_settings
from lr_demo.runs.traces import TraceStore

_logger = logging.getLogger(__name__)


def open_run(store: TraceStore, run: str) -> RunHandle:
    """A run of an earlier time.

    Raises:
        TraceError: there is no trace of this id, or it cannot be read.
    """
    log = store.load(run)
    started = log.first
    assert isinstance(started, RunStarted), "a trace begins with the start of a run"
    settings = recorded_settings(started.settings)
    return RunHandle(run, started.prompt, settings, log, recorded=True, trace=store.path(run))


def open_race(find: Callable[[str], RunHandle], run: str) -> Race:
    """The race of a recorded run: with those it was compared with, if they are still there.

    Raises:
        UserError: `find` knows no such run, or cannot read it.
    """
    handle = find(run)
    started = handle.started
    if started is None:
        return Race(handle, None, ((handle,),))
    named = [each for turn in started.turns for each in turn if each not in (run, started.baseline)]
    found = {each: there for each in named[:MOST_LANES] if (there := _other(find, each, handle)) is not None}
    baseline = _other(find, started.baseline, handle) if started.baseline is not None else None
    together = [baseline.id] if baseline is not None and started.at_once else []
    everyone = found | {each.id: each for each in (baseline, handle) if each is not None}
    turns = [[each for each in turn if each in everyone] for turn in started.turns or [[*together, run]]]
    return Race(
        handle,
        baseline,
        tuple(tuple(everyone[each] for each in turn) for turn in turns if turn),
        tuple(found.values()),
        started.expected,
    )


def _other(find: Callable[[str], RunHandle], other: str, run: RunHandle) -> RunHandle | None:
    """A run of the same race; None where it is gone, or cannot be of that race."""
    try:
        found = find(other)
    except TraceError as error:
        _logger.warning("run %s of the race of run %s is gone: %s", other, run.id, error)
        return None
    return found if belongs(found, run) else None
