"""The thread in which everything happens: an event loop with a profile's fleet, and its runs, alone or concurrent."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from lr_demo.config import Profile, RunSettings
from lr_demo.decoding.admission import BatchCost
from lr_demo.decoding.budget import Budget
from lr_demo.decoding.engine import Cast, decode
from lr_demo.errors import LookaheadError, ServingError, UserError
from lr_demo.events import RunFinished, RunStarted, RunStatus, StepCommitted
from lr_demo.runs.asides import Asides
from lr_demo.runs.baselines import fingerprint
from lr_demo.runs.loop_thread import LoopThread
from lr_demo.runs.probes import ProbeStore, stated_probe
from lr_demo.runs.race import Race, RunHandle
from lr_demo.runs.reasons import ComparedPair, Reason, given_reason
from lr_demo.runs.recordings import recorded_text, simulation_in_words
from lr_demo.runs.replicas import devices, in_order
from lr_demo.runs.roles import Casting, model_names, places_at, server_names, speculation_in_words
from lr_demo.runs.signal import Signal
from lr_demo.runs.speculation import SpeculationMeter
from lr_demo.runs.starting import StartingLine
from lr_demo.runs.target_choice import Played
from lr_demo.runs.watch import Watch
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.status import ServerState, ServerStatus

STOPPED = "stopped"
"""Reason of a run that was stopped."""
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FleetView:
    """The servers as they are at one moment."""

    servers: tuple[ServerStatus, ...]
    ready: bool
    """True once all of them answered."""
    error: str | None
    """Why they did not come up, for people."""
    profile: Profile
    """Whose servers they are."""
    ending: bool = False
    """True while they end, since another profile was chosen."""


class EngineThread:
    """Runs the fleet and the races given to it. Public methods are safe from any thread."""

    def __init__(self, profile: Profile, hardware: str) -> None:
        self._hardware = hardware
        self._changes = Signal()
        """Of the fleet, and of its being up or closed."""
        self._thread = LoopThread(self._main, "engine")
        self.watch = Watch(self._reachable, self._thread.call)
        self._closing = False
        self._closed = False
        self._journal: Path | None = None
        self._waiting: asyncio.Queue[Race] = asyncio.Queue()
        """Races of the present profile, or of the next one if there is one."""
        self._under_way: set[Race] = set()
        """Races that have not ended, the waiting ones among them."""
        self._asides = Asides()
        self._take_on(profile)

    def _take_on(self, profile: Profile) -> None:
        """All that belongs to one profile, made anew."""
        self._profile = profile
        self._fleet = Fleet(profile, on_change=self._changes.notify)
        self._casting = Casting(
            profile,
            self._fleet.endpoint,
            self._fleet.given_up,
            self._fleet.embedder_folder,
            lambda: (
                stated_probe(profile, profile.defaults, self._hardware) or ProbeStore().find(profile, self._hardware)
            ),
        )
        self._fleet_settled = asyncio.Event()
        self._fleet_error: str | None = None
        self._ready = False
        self._next: Profile | None = None
        """The profile that takes over when this one's runs and servers have ended."""
        self._leaving = asyncio.Event()
        self._stop_reason = STOPPED
        """Why the runs end that are stopped now."""
        self._budgets: dict[str, Budget] = {}
        """Of the targets that concurrent runs share, by server."""
        self._restarts: dict[str, asyncio.Task[None]] = {}
        """Under way, by server."""
        self._changes.notify()

    def open(self, journal: Path) -> None:
        """Start the thread; returns when its loop runs. `journal` is where tracebacks are found."""
        self._journal = journal
        self._thread.start()

    def close(self) -> None:
        """Stop runs and fleet; returns when the thread has ended."""
        if self._journal is not None:
            self._thread.call(self._close)
            self._thread.join()

    def clock(self) -> float:
        """Seconds on the clock of the engine's loop."""
        return self._thread.time()

    def enqueue(self, race: Race) -> None:
        """Run a race after those that were given before; concurrent ones run beside one another."""
        self._thread.call(self._enqueue, race)

    def stop(self, handle: RunHandle, race: Race | None) -> None:
        """End a run of a race, queued or under way; one that has ended stays as it is."""
        self._thread.call(self._stop, handle, race)

    async def reason(self, pair: ComparedPair, profile: Profile) -> Reason:
        """Have the judge say why two steps mean the same or not, beside no run. Cancelled with whoever waits for it.

        Raises:
            UserError: a run is under way or begins, or the servers are not this profile's, or not ready.
            ServingError, ModelError: the judge does not answer.
        """
        try:
            return await self._thread.result(self._reason(pair, profile))
        except RuntimeError:
            raise UserError("the application is not running any more: start it again") from None

    def switch(self, profile: Profile) -> None:
        """End every run, queued or under way, and the servers; then start those of another profile.

        Races that are given from now on are the new profile's.
        """
        self._thread.call(self._switch, profile)

    def restart(self, server: str) -> None:
        """End a server's process and start it again, once all have come up; the fleet tells how it goes."""
        self._thread.call(self._restart, server)

    def fleet_view(self) -> FleetView:
        """The fleet as it is now."""
        servers = tuple(self._fleet.statuses())
        return FleetView(servers, self._ready, self._fleet_error, self._profile, self._next is not None)

    async def follow_fleet(self) -> AsyncGenerator[FleetView, None]:
        """The fleet now, then after every change, until the engine closes."""
        with self._changes.listen() as listener:
            while True:
                version, closed = self._changes.version, self._closed
                yield self.fleet_view()
                if closed:
                    return
                await listener.wait(version)

    async def _main(self) -> None:
        try:
            while not self._closing:
                await self._serve_profile()
                if self._next is not None:
                    self._take_on(self._next)
        except Exception as error:
            _logger.exception("the engine's thread ended")
            self._fleet_error = self._fleet_error or self._unexpected(error)
        finally:
            self._closed = True
            self._end_waiting()
            await self.watch.close()
            self._changes.notify()

    async def _serve_profile(self) -> None:
        """One profile at work until it is left: its servers come up, its runs take turns. Nothing of it stays."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                work = (group.create_task(self._bring_up()), group.create_task(self._work()))
                await self._leaving.wait()
                for task in (*work, *self._restarts.values()):
                    task.cancel()
        finally:
            self._asides.give_up("the model servers are ending: ask again when they are back")
            await self._asides.over()
            await self._casting.close()
            await self._fleet.stop()

    def _close(self) -> None:
        self._closing, self._next = True, None
        self._leaving.set()

    def _switch(self, profile: Profile) -> None:
        if self._closing:
            return
        self._next = profile
        self._stop_reason = f"the servers were switched from profile {self._profile.name} to {profile.name}"
        self._end_waiting()
        self._waiting = asyncio.Queue()  # whoever still takes from the other one must not take the next profile's
        self._leaving.set()
        self._changes.notify()

    def _restart(self, server: str) -> None:
        if server not in self._restarts and not self._leaving.is_set():
            self._restarts[server] = self._group.create_task(self._restart_server(server))

    async def _restart_server(self, name: str) -> None:
        try:
            await self._fleet_settled.wait()
            await self._fleet.restart(name)
        except LookaheadError as error:
            _logger.warning("the server %s was not started again: %s", name, error)
        except Exception:
            _logger.exception("the server %s was not started again", name)
        finally:
            del self._restarts[name]

    def _reachable(self) -> dict[str, Endpoint]:
        """The servers that are ready and can be asked for figures."""
        found = {}
        for status in self._fleet.statuses():
            if status.state is ServerState.READY:
                with suppress(ServingError):  # simulated, or no server at all: nothing to ask
                    found[status.name] = self._fleet.endpoint(status.name)
        return found

    async def _bring_up(self) -> None:
        try:
            await self._fleet.start()
            self._ready = True
        except LookaheadError as error:
            self._fleet_error = str(error)
        except Exception as error:
            _logger.exception("the model servers did not come up")
            self._fleet_error = self._unexpected(error)
        self._fleet_settled.set()
        self._changes.notify()

    async def _work(self) -> None:
        waiting, beside = self._waiting, set[asyncio.Task[None]]()
        async with asyncio.TaskGroup() as group:
            while True:
                race = await waiting.get()
                if race.concurrent:
                    beside.add(task := group.create_task(self._run_race(race)))
                    task.add_done_callback(beside.discard)
                    task.add_done_callback(partial(self._end_race, race))  # also where it was cancelled unbegun
                    continue
                try:
                    if beside:
                        await asyncio.wait(beside)
                    await self._run_race(race)
                finally:
                    self._end_leftovers(race)

    async def _reason(self, pair: ComparedPair, profile: Profile) -> Reason:
        if self._under_way:
            raise UserError("a run is under way, and nothing may disturb it: ask again when it has ended")
        if self._profile is not profile or not self._ready or self._leaving.is_set():
            raise UserError("the model servers are not ready: ask again when they are")
        reasoner = self._casting.reasoner()
        return await self._asides.ask(partial(given_reason, reasoner, pair, profile))

    async def _run_race(self, race: Race) -> None:
        await self._asides.over()
        for turn in race.turns:
            await self._run_together([handle for handle in turn if handle.log.finished is None], race)

    async def _run_together(self, handles: list[RunHandle], race: Race) -> None:
        """Runs of one turn, until all have ended."""
        line = StartingLine(len(handles))
        async with asyncio.TaskGroup() as group:
            for handle in handles:
                handle.task = group.create_task(self._run(handle, race, line))

    async def _run(self, handle: RunHandle, race: Race, line: StartingLine) -> None:
        """One run, from its first event to its last, whatever happens."""
        log, status, meter = handle.log, RunStatus.FAILED, None
        played = Played(handle.settings)
        try:
            with line.getting_ready():
                played = self._casting.played(handle.settings)
                cast, meter = await self._get_ready(handle, played)
            budget = self._budget(played.settings) if race.concurrent else None
            await line.go()
            log.append(self._started(handle, race, played.settings))
            system = self._profile.system_prompt
            reason = await decode(handle.prompt, handle.settings, cast, log.append, system, budget=budget)
            status = RunStatus.FINISHED
        except asyncio.CancelledError:
            status, reason = RunStatus.STOPPED, self._stop_reason
        except LookaheadError as error:
            reason = str(error)
        except Exception as error:
            _logger.exception("run %s failed", handle.id)
            reason = self._unexpected(error)
        if len(log) == 0:
            log.append(self._started(handle, race, played.settings))
        ended = self.clock()
        speculation = None
        with suppress(asyncio.CancelledError):  # stopped once more: the last event comes all the same
            speculation = await meter.end() if meter is not None else None
        log.append(RunFinished(status=status, reason=reason, speculation=speculation), at=ended)
        if status is RunStatus.FINISHED and not race.concurrent:
            self._learn(handle, played)

    def _learn(self, handle: RunHandle, played: Played) -> None:
        events = handle.log.events()
        tokens = sum(event.tokens for event in events if isinstance(event, StepCommitted))
        self._casting.learn(handle.settings.mode, played.settings, tokens, events[-1].t)

    async def _get_ready(self, handle: RunHandle, played: Played) -> tuple[Cast, SpeculationMeter | None]:
        """Everything a run needs before its clock starts."""
        await self._fleet_settled.wait()
        if self._fleet_error is not None:
            raise ServingError(self._fleet_error)
        await self._fleet.ensure(server_names(self._profile, played.settings).values())
        text = recorded_text(self._profile, handle.prompt)
        cast = self._casting.cast(played.settings, text, played.reason)
        await self._casting.warm_up(cast)
        meter = self._casting.meter(played.settings, cast)
        if meter is not None:
            await meter.begin()
        return cast, meter

    def _budget(self, settings: RunSettings) -> Budget:
        """That of the target of these settings, shared by all concurrent runs on it."""
        server = server_names(self._profile, settings)["target"]
        if server not in self._budgets:
            self._budgets[server] = Budget(places_at(self._profile.servers[server]), BatchCost())
        return self._budgets[server]

    def _enqueue(self, race: Race) -> None:
        self._under_way.add(race)
        self._asides.give_up("a run began, and nothing may disturb it: ask again when it has ended")
        self._waiting.put_nowait(race)

    def _stop(self, handle: RunHandle, race: Race | None) -> None:
        if handle.task is not None:
            handle.task.cancel()
        else:
            self._end_unstarted(handle, race, STOPPED)

    def _end_waiting(self) -> None:
        while not self._waiting.empty():
            self._end_leftovers(self._waiting.get_nowait())

    def _end_leftovers(self, race: Race) -> None:
        self._under_way.discard(race)
        for handle in race.handles:
            self._end_unstarted(handle, race, self._stop_reason)

    def _end_race(self, race: Race, _: asyncio.Task[None]) -> None:
        self._end_leftovers(race)

    def _end_unstarted(self, handle: RunHandle, race: Race | None, reason: str) -> None:
        """End a run that never got its turn; any other stays as it is."""
        if len(handle.log) == 0:
            handle.log.append(self._started(handle, race, handle.settings))
            handle.log.append(RunFinished(status=RunStatus.STOPPED, reason=reason))

    def _started(self, handle: RunHandle, race: Race | None, played: RunSettings) -> RunStarted:
        reference = race.baseline if race is not None and race.baseline is not handle else None
        finished = reference.log.finished if reference is not None else None
        measured = finished is not None and finished.status is RunStatus.FINISHED
        turns = race.turns if race is not None else ()
        beside = next((turn for turn in turns if handle in turn), ())
        return RunStarted(
            prompt=handle.prompt,
            mode=handle.settings.mode,
            profile=self._profile.name,
            settings=handle.settings.model_dump(mode="json"),
            models=model_names(self._profile, played),
            servers=server_names(self._profile, played),
            speculation=speculation_in_words(self._profile, played),
            started_at=datetime.now().astimezone().isoformat(timespec="milliseconds"),
            simulated=self._profile.simulated,
            simulation=simulation_in_words(self._profile, handle.prompt),
            baseline=reference.id if reference is not None and (measured or reference in beside) else None,
            at_once=len(beside) > 1,
            turns=[[each.id for each in turn] for turn in turns] if race is not None and handle is race.run else [],
            expected=race.expected if race is not None else "",
            devices=in_order(devices(self._profile, played)),
            concurrent=race is not None and race.concurrent,
            hardware=self._hardware,
            fingerprint=fingerprint(self._profile, played),
        )

    def _unexpected(self, error: Exception) -> str:
        return (
            f"something went wrong inside the program ({type(error).__name__}: {error}); it is a fault of ours, "
            f"and its details are in {self._journal}"
        )
