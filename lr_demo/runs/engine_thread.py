"""The thread in which everything happens: an event loop with the fleet, and the runs one after the other."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVarTuple

from lr_demo.config import Profile
from lr_demo.decoding.engine import Cast, decode
from lr_demo.errors import LookaheadError, ServingError
from lr_demo.events import RunFinished, RunStarted, RunStatus
from lr_demo.runs.baselines import fingerprint
from lr_demo.runs.race import Race, RunHandle
from lr_demo.runs.roles import Casting, model_names, server_names, speculation_in_words
from lr_demo.runs.signal import Signal
from lr_demo.runs.speculation import SpeculationMeter
from lr_demo.runs.starting import StartingLine
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.status import ServerStatus

Ts = TypeVarTuple("Ts")

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


class EngineThread:
    """Runs the fleet and the races given to it. Public methods are safe from any thread."""

    def __init__(self, profile: Profile, hardware: str) -> None:
        self._profile = profile
        self._hardware = hardware
        self._changes = Signal()
        """Of the fleet, and of its being up or closed."""
        self._fleet = Fleet(profile, on_change=self._changes.notify)
        self._casting = Casting(profile, self._fleet.endpoint, self._fleet.given_up, self._fleet.embedder_folder)
        self._fleet_error: str | None = None
        self._ready = False
        self._closed = False
        self._journal: Path | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run_thread, name="engine", daemon=True)

    def open(self, journal: Path) -> None:
        """Start the thread; returns when its loop runs. `journal` is where tracebacks are found."""
        self._journal = journal
        self._opened = threading.Event()
        self._thread.start()
        self._opened.wait()

    def close(self) -> None:
        """Stop runs and fleet; returns when the thread has ended."""
        if self._loop is not None and self._thread.is_alive():
            self._call(self._closing.set)
            self._thread.join()

    def clock(self) -> float:
        """Seconds on the clock of the engine's loop."""
        return self._require_loop().time()

    def enqueue(self, race: Race) -> None:
        """Run a race after those that were given before."""
        self._call(self._waiting.put_nowait, race)

    def stop(self, handle: RunHandle) -> None:
        """End a run, queued or under way; one that has ended stays as it is."""
        self._call(self._stop, handle)

    def fleet_view(self) -> FleetView:
        """The fleet as it is now."""
        return FleetView(tuple(self._fleet.statuses()), self._ready, self._fleet_error)

    async def follow_fleet(self) -> AsyncGenerator[FleetView, None]:
        """The fleet now, then after every change, until the engine closes."""
        with self._changes.listen() as listener:
            while True:
                version, closed = self._changes.version, self._closed
                yield self.fleet_view()
                if closed:
                    return
                await listener.wait(version)

    def _require_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the run manager is not open")
        return self._loop

    def _call(self, function: Callable[[*Ts], object], *args: *Ts) -> None:
        """Call in the engine's loop; after it has closed there is nothing left to do."""
        try:
            self._require_loop().call_soon_threadsafe(function, *args)
        except RuntimeError:
            if not self._closed:
                raise

    def _run_thread(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:
            _logger.exception("the engine's thread ended")
            self._fleet_error = self._fleet_error or self._unexpected(error)
        finally:
            self._closed = True
            self._changes.notify()
            self._opened.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Race] = asyncio.Queue()
        self._closing = asyncio.Event()
        self._fleet_settled = asyncio.Event()
        self._opened.set()
        try:
            async with asyncio.TaskGroup() as group:
                work = (group.create_task(self._bring_up()), group.create_task(self._work()))
                await self._closing.wait()
                for task in work:
                    task.cancel()
        finally:
            self._closed = True
            while not self._waiting.empty():
                self._end_leftovers(self._waiting.get_nowait())
            await self._casting.close()
            await self._fleet.stop()

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
        while True:
            race = await self._waiting.get()
            try:
                for turn in race.turns:
                    await self._run_together([handle for handle in turn if handle.log.finished is None], race)
            finally:
                self._end_leftovers(race)

    async def _run_together(self, handles: list[RunHandle], race: Race) -> None:
        """Runs of one turn, until all have ended."""
        line = StartingLine(len(handles))
        async with asyncio.TaskGroup() as group:
            for handle in handles:
                handle.task = group.create_task(self._run(handle, race, line))

    async def _run(self, handle: RunHandle, race: Race, line: StartingLine) -> None:
        """One run, from its first event to its last, whatever happens."""
        log, status, meter = handle.log, RunStatus.FAILED, None
        try:
            with line.getting_ready():
                cast, meter = await self._get_ready(handle)
            await line.go()
            log.append(self._started(handle, race))
            reason = await decode(handle.prompt, handle.settings, cast, log.append, self._profile.system_prompt)
            status = RunStatus.FINISHED
        except asyncio.CancelledError:
            status, reason = RunStatus.STOPPED, STOPPED
        except LookaheadError as error:
            reason = str(error)
        except Exception as error:
            _logger.exception("run %s failed", handle.id)
            reason = self._unexpected(error)
        if len(log) == 0:
            log.append(self._started(handle, race))
        ended = self.clock()
        speculation = None
        with contextlib.suppress(asyncio.CancelledError):  # stopped once more: the last event comes all the same
            speculation = await meter.end() if meter is not None else None
        log.append(RunFinished(status=status, reason=reason, speculation=speculation), at=ended)

    async def _get_ready(self, handle: RunHandle) -> tuple[Cast, SpeculationMeter | None]:
        """Everything a run needs before its clock starts."""
        await self._fleet_settled.wait()
        if self._fleet_error is not None:
            raise ServingError(self._fleet_error)
        await self._fleet.ensure(server_names(self._profile, handle.settings).values())
        cast = self._casting.cast(handle.settings)
        meter = self._casting.meter(handle.settings, cast)
        if meter is not None:
            await meter.begin()
        return cast, meter

    def _stop(self, handle: RunHandle) -> None:
        if handle.task is not None:
            handle.task.cancel()
        else:
            self._end_unstarted(handle, None)

    def _end_leftovers(self, race: Race) -> None:
        for handle in race.handles:
            self._end_unstarted(handle, race)

    def _end_unstarted(self, handle: RunHandle, race: Race | None) -> None:
        """End a run that never got its turn; any other stays as it is."""
        if len(handle.log) == 0:
            handle.log.append(self._started(handle, race))
            handle.log.append(RunFinished(status=RunStatus.STOPPED, reason=STOPPED))

    def _started(self, handle: RunHandle, race: Race | None) -> RunStarted:
        reference = race.baseline if race is not None and race.baseline is not handle else None
        finished = reference.log.finished if reference is not None else None
        measured = finished is not None and finished.status is RunStatus.FINISHED
        at_once = race is not None and race.at_once
        return RunStarted(
            prompt=handle.prompt,
            mode=handle.settings.mode,
            profile=self._profile.name,
            settings=handle.settings.model_dump(mode="json"),
            models=model_names(self._profile, handle.settings),
            servers=server_names(self._profile, handle.settings),
            speculation=speculation_in_words(self._profile, handle.settings),
            started_at=datetime.now().astimezone().isoformat(timespec="milliseconds"),
            simulated=self._profile.simulated,
            baseline=reference.id if reference is not None and (measured or at_once) else None,
            at_once=at_once,
            hardware=self._hardware,
            fingerprint=fingerprint(self._profile, handle.settings),
        )

    def _unexpected(self, error: Exception) -> str:
        return (
            f"something went wrong inside the program ({type(error).__name__}: {error}); it is a fault of ours, "
            f"and its details are in {self._journal}"
        )
