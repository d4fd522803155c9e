"""Owns the engine: one thread with its own event loop, in which the fleet and all runs live."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from lr_demo.config import (
    LlamaCppServer,
    Mode,
    Profile,
    RunSettings,
    VllmServer,
    check_expected,
    check_prompt,
)
from lr_demo.errors import ConfigError, TraceError, UserError
from lr_demo.events import RunFinished, RunStarted, RunStatus
from lr_demo.runs.baselines import baseline_settings, fingerprint, is_baseline
from lr_demo.runs.engine_thread import EngineThread, FleetView
from lr_demo.runs.journal import Journal
from lr_demo.runs.log import EventLog
from lr_demo.runs.machine import machine_in_words
from lr_demo.runs.race import MOST_LANES, Race, RunHandle, RunPhase, rival_settings
from lr_demo.runs.reasons import Reason, compared_pair, judge_for
from lr_demo.runs.recorded import open_race, open_run
from lr_demo.runs.recordings import check_shown
from lr_demo.runs.replicas import share_out
from lr_demo.runs.roles import check_runnable
from lr_demo.runs.traces import TraceStore, home, new_id
from lr_demo.serving.logs import LogPart, follow_log, read_log
from lr_demo.serving.sampler import Telemetry
from lr_demo.serving.status import ServerStatus

RACES_KEPT = 32
"""Finished races kept in memory; older ones are read from their traces again."""
_logger = logging.getLogger(__name__)


class RunManager:
    """Starts, stops and finds runs. Every method is safe from any thread and returns at once.

    Races execute one at a time, in the order of `start`, and so do the runs of a race: two at once
    would slow each other, and no figure would mean anything. Only where they share no device
    (`replicas.share_out`) runs of a race are measured at the same time. Runs of `start_concurrent`
    share the servers with one another, and with nothing that is measured.
    """

    def __init__(self, profile: Profile, traces_folder: Path | None = None, *, hardware: str | None = None) -> None:
        self.profile = profile
        """What runs that are started now run on."""
        self.store = TraceStore(traces_folder)
        self.hardware = hardware if hardware is not None else machine_in_words()
        """What it runs on, for people."""
        self._races: dict[str, Race] = {}
        self._runs: dict[str, RunHandle] = {}
        self._lock = threading.Lock()
        self._journal: Journal | None = None
        self._engine = EngineThread(profile, self.hardware)

    def open(self) -> None:
        """Start the engine; the fleet comes up in the background."""
        self._journal = Journal(home() / "logs" / "lookahead-live.log")
        self._engine.open(self._journal.path)

    def close(self) -> None:
        """Stop every run and the fleet, and wait until nothing of them is left."""
        self._engine.close()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def fleet(self) -> FleetView:
        """The servers as they are now."""
        return self._engine.fleet_view()

    def fleet_statuses(self) -> list[ServerStatus]:
        """One status per server."""
        return list(self.fleet.servers)

    @property
    def fleet_error(self) -> str | None:
        """Why the fleet did not come up, for people."""
        return self.fleet.error

    def follow_fleet(self) -> AsyncGenerator[FleetView, None]:
        """The servers as they are now, then after every change (at most once per frame), until the manager closes."""
        return self._engine.follow_fleet()

    def start(
        self,
        prompt: str,
        settings: RunSettings,
        baseline: bool = True,
        remeasure: bool = False,
        *,
        rivals: Sequence[Mode] = (),
        expected: str = "",
    ) -> Race:
        """Queue a run, with its autoregressive baseline unless one is recorded already.

        `baseline` False leaves it out; `remeasure` True measures it again. An autoregressive run has none.
        `rivals` are further modes to run with these settings, `expected` is the answer that is expected.

        Raises:
            UserError: the prompt or the settings cannot be run on this profile; nothing was started.
        """
        prompt, expected = check_prompt(prompt), check_expected(expected)
        profile = self.profile
        others = [rival_settings(settings, mode) for mode in rivals]
        modes = [Mode.AUTOREGRESSIVE] * baseline + [settings.mode, *rivals]
        if len(set(modes)) > MOST_LANES:
            raise ConfigError(
                f"a race has at most {MOST_LANES} lanes, these are {len(set(modes))}: leave some modes out"
            )
        if len(set(rivals) | {settings.mode}) <= len(rivals) or (baseline and Mode.AUTOREGRESSIVE in rivals):
            raise ConfigError(f"a mode races once, these do more often: {', '.join(rivals)}")
        for each in (settings, *others):
            check_runnable(profile, each)
            check_shown(profile, prompt, each)
        reference, cached = None, False
        if baseline and settings.mode is not Mode.AUTOREGRESSIVE:
            reference = None if remeasure else self.find_baseline(prompt, settings)
            cached = reference is not None
            reference = reference or self._new_run(prompt, baseline_settings(settings))
        run, against = self._new_run(prompt, settings), tuple(self._new_run(prompt, each) for each in others)
        measured = [*([reference] if reference is not None and not cached else []), *against, run]
        shared_out = share_out(profile, [handle.settings for handle in measured])
        turns = tuple(tuple(measured[place] for place in turn) for turn in shared_out)
        race = Race(run, reference, turns, against, expected)
        self._take(race, profile)
        return race

    def start_concurrent(self, prompt: str, settings: RunSettings) -> Race:
        """Start a run beside others that were started like this, as soon as the races before it have ended.

        They share the target's parallel budget fairly, and look ahead only as far as the target gains by it.
        There is no baseline, and the run is none.

        Raises:
            UserError: the prompt or the settings cannot be run on this profile; nothing was started.
        """
        prompt = check_prompt(prompt)
        profile = self.profile
        check_runnable(profile, settings)
        check_shown(profile, prompt, settings)
        run = self._new_run(prompt, settings)
        race = Race(run, None, ((run,),), concurrent=True)
        self._take(race, profile)
        return race

    def stop(self, run: str) -> None:
        """Stop a race by its run's id; nothing of it stays in flight. Any other run's id stops that run alone.

        A run that has ended stays as it is.

        Raises:
            UserError: there is no such run.
        """
        handle = self.get(run)
        with self._lock:
            race = self._races.get(run)
        for each in reversed(race.measured) if race is not None else (handle,):
            self._engine.stop(each, race)

    async def reason(self, run: str, position: int, alternative: int = 0) -> Reason:
        """Have the judge say why a compared step was like the target's or not. The run stays as it is.

        Refused while any run is under way, and given up when one begins. From any loop; cancelled with its caller.

        Raises:
            UserError: there is no such run or compared step, or nobody can be asked now.
            ServingError, ModelError: the judge does not answer.
        """
        handle, profile = await asyncio.to_thread(self.get, run), self.profile
        if not judge_for(profile, handle):
            raise UserError(
                f"the models of run {run} are not the loaded ones, or they have no judge: nobody can be asked about it"
            )
        pair = await asyncio.to_thread(compared_pair, handle, position, alternative)
        return await self._engine.reason(pair, profile)

    def switch_profile(self, profile: Profile) -> None:
        """Run on another profile's servers from now on; the same one starts its servers anew.

        Runs that are queued or under way end as stopped, and say why. The present servers end before
        the others come up; `follow_fleet` tells how far that is.
        """
        with self._lock:  # a run belongs to the profile it was checked against
            self.profile = profile
            self._engine.switch(profile)

    def restart_server(self, name: str) -> None:
        """End a server's process and start it again; `follow_fleet` tells how it goes.

        Raises:
            UserError: there is no such server, or it is none that this program started.
        """
        config = self.profile.servers.get(name)
        if config is None:
            raise UserError(f"profile {self.profile.name} has no server {name!r}")
        if not isinstance(config, VllmServer | LlamaCppServer):
            raise UserError(f"the server {name} was not started by this program, so it cannot be started again here")
        if self.fleet_error is not None:
            raise UserError(f"the servers did not come up: choose profile {self.profile.name} again to start them all")
        self._engine.restart(name)

    def roles_in_use(self, server: str) -> list[str]:
        """The roles that a server plays in the run that is under way; empty where it plays none."""
        handles = [handle for race in self.races() for handle in race.handles if handle.phase is RunPhase.RUNNING]
        casts = [handle.started.servers for handle in handles if handle.started is not None]
        return list(dict.fromkeys(role for cast in casts for role, player in cast.items() if player == server))

    def server_log(self, name: str) -> LogPart:
        """The last lines of a server's log.

        Raises:
            UserError: there is no such server, or it has no log.
        """
        return read_log(self._log_of(name))

    def follow_server_log(self, name: str) -> AsyncGenerator[LogPart, None]:
        """The last lines of a server's log, then what is added, until its profile is left.

        Raises:
            UserError: there is no such server, or it has no log.
        """
        self._log_of(name)
        return follow_log(lambda: self._log_of(name))

    def follow_telemetry(self) -> AsyncGenerator[Telemetry, None]:
        """What the servers and GPUs are doing, at every answer of a server, until the manager closes.

        They are asked once a second while anybody follows, and not at all otherwise.
        """
        return self._engine.watch.follow()

    def get(self, run: str) -> RunHandle:
        """A run of this application or, by its trace, of an earlier one.

        Raises:
            UserError: there is no such run, or its trace cannot be read.
        """
        with self._lock:
            handle = self._runs.get(run)
        return handle if handle is not None else open_run(self.store, run)

    def race(self, run: str) -> Race:
        """The race of a run id; for a recorded run with those it was compared with, if they are still there.

        Raises:
            UserError: there is no such run, or its trace cannot be read.
        """
        with self._lock:
            race = self._races.get(run)
        if race is not None:
            return race
        return open_race(self.get, run)

    def races(self) -> list[Race]:
        """The races of this application that are still in memory, the newest first."""
        with self._lock:
            return list(reversed(self._races.values()))

    def find_baseline(self, prompt: str, settings: RunSettings) -> RunHandle | None:
        """A finished autoregressive run of the same prompt, settings that matter, servers and hardware: the newest, not
        older than `baselines.LASTS`."""

        servers = fingerprint(self.profile, baseline_settings(settings))

        def fits(started: RunStarted | None, finished: RunFinished | None) -> bool:
            if started is None or finished is None or finished.status is not RunStatus.FINISHED:
                return False
            return is_baseline(started, prompt, settings, servers, self.hardware)

        with self._lock:
            for handle in reversed(self._runs.values()):
                if fits(handle.started, handle.log.finished):
                    return handle
        for header in self.store.headers():
            if fits(header.started, header.finished):
                try:
                    return self.get(header.run)
                except TraceError as error:
                    _logger.warning("a recorded baseline cannot be used: %s", error)
        return None

    def _take(self, race: Race, profile: Profile) -> None:
        """Queue a race that was made for this profile."""
        with self._lock:
            if self.profile is not profile:
                raise UserError(f"the servers were just switched to profile {self.profile.name}: start the run again")
            self._races[race.id] = race
            self._runs |= {handle.id: handle for handle in race.handles}
            self._forget_oldest()
            self._engine.enqueue(race)

    def _log_of(self, server: str) -> Path:
        for status in self.fleet.servers:
            if status.name == server:
                if status.log is None:
                    raise UserError(f"the server {server} has no log: no process of it was started here")
                return status.log
        raise UserError(f"profile {self.profile.name} has no server {server!r}")

    def _new_run(self, prompt: str, settings: RunSettings) -> RunHandle:
        run = new_id()
        sink = self.store.writer(run)
        return RunHandle(run, prompt, settings, EventLog(run, clock=self._engine.clock, sink=sink), trace=sink.path)

    def _forget_oldest(self) -> None:
        """Leave finished races to their traces when there are many; one whose trace failed stays. Under the lock."""
        for race in list(self._races.values()):
            if len(self._races) <= RACES_KEPT:
                return
            if not race.over or race.run.log.trace_error is not None:
                continue
            del self._races[race.id]
            still_used = {handle.id for other in self._races.values() for handle in other.handles}
            for handle in race.handles:
                if handle.id not in still_used:
                    self._runs.pop(handle.id, None)
