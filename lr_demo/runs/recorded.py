"""Recorded runs and races, by run id, from any source of runs."""

import logging
from collections.abc import Callable

from lr_demo.errors import TraceError
from lr_demo.events import RunStarted
from lr_demo.runs.race import Race, RunHandle, belongs, recorded_settings
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
    """The race of a recorded run: with the baseline it was compared with, if that is still there.

    Raises:
        UserError: `find` knows no such run, or cannot read it.
    """
    handle = find(run)
    reference = handle.started.baseline if handle.started is not None else None
    if reference is None:
        return Race(handle, None, False)
    try:
        baseline = find(reference)
    except TraceError as error:
        _logger.warning("the baseline of run %s is gone: %s", run, error)
        return Race(handle, None, False)
    if not belongs(baseline, handle):
        return Race(handle, None, False)
    return Race(handle, baseline, True, handle.started is not None and handle.started.at_once)
