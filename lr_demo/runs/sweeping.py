"""Works on sweeps: starts the runs of each one after the other, and keeps what they came to. Viewers only follow."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from pydantic import ValidationError

from lr_demo.config import Profile, RunSettings, check_prompt
from lr_demo.errors import UserError
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import Race, RunPhase
from lr_demo.runs.signal import Signal
from lr_demo.runs.sweep import PointFigures, Sweep, Swept, Value, plan_points
from lr_demo.runs.traces import RUN_ID, new_id, write_whole

MOST_UNDER_WAY = 4
"""Sweeps that take turns at a time."""
FOLDER = "sweeps"
"""Within that of the traces."""
LEFT = "the program ended before the sweep did"
"""Reason of a sweep that the program did not bring to its end."""
_logger = logging.getLogger(__name__)


class Sweeps:
    """The sweeps of the application; each is kept in a file too, so that its link goes on leading to it.

    Everything but `get` and `all` is to be called in the event loop in which `working` is entered.
    """

    def __init__(self, manager: RunManager) -> None:
        self._manager = manager
        self._folder = manager.store.folder / FOLDER
        self._sweeps: dict[str, Sweep] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changes = Signal()
        self._group: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """While this is entered, sweeps can be started; those under way when it is left end as stopped."""
        async with asyncio.TaskGroup() as self._group:
            yield
            for task in self._tasks.values():
                task.cancel()

    def start(self, prompt: str, base: RunSettings, setting: Swept, values: list[Value], repeats: int = 1) -> Sweep:
        """Begin a sweep; its runs are started one after the other, each with its baseline unless one is known.

        Raises:
            UserError: the prompt or the values cannot be run, or too many sweeps are under way; nothing was started.
        """
        if self._group is None:
            raise RuntimeError("sweeps are started while they are being worked on")
        if len(self._tasks) >= MOST_UNDER_WAY:
            raise UserError(f"{len(self._tasks)} sweeps are under way already: wait for one of them, or stop it")
        profile = self._manager.profile
        sweep = Sweep(
            id=new_id(),
            prompt=check_prompt(prompt),
            setting=setting,
            profile=profile.name,
            simulated=profile.simulated,
            hardware=self._manager.hardware,
            began=datetime.now().astimezone().isoformat(timespec="seconds"),
            points=plan_points(profile, base, setting, values, repeats),
        )
        self._keep(sweep)
        task = self._group.create_task(self._work(sweep.id, profile))
        self._tasks[sweep.id] = task
        task.add_done_callback(lambda _: self._ended(sweep.id))
        return sweep

    def stop(self, sweep: str) -> None:
        """End a sweep: its run under way is stopped, those to come are not started. One that has ended stays so.

        Raises:
            UserError: there is no such sweep.
        """
        self.get(sweep)
        if sweep in self._tasks:
            self._tasks[sweep].cancel()

    def get(self, sweep: str) -> Sweep:
        """A sweep of this application or, by its file, of an earlier one.

        Raises:
            UserError: there is none.
        """
        known = self._sweeps.get(sweep)
        return known if known is not None else self._read(sweep)

    def all(self) -> list[Sweep]:
        """Every sweep there is, the newest first."""
        sweeps = dict(self._sweeps)
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            if path.stem not in sweeps:
                with suppress(UserError):
                    sweeps[path.stem] = self._read(path.stem)
        return sorted(sweeps.values(), key=lambda sweep: sweep.began, reverse=True)

    async def follow(self, sweep: str) -> AsyncGenerator[Sweep, None]:
        """A sweep as it is now, then after every change, until it has ended.

        Raises:
            UserError: there is none.
        """
        with self._changes.listen() as listener:
            while True:
                version, now = self._changes.version, self.get(sweep)
                yield now
                if now.ended is not None:
                    return
                await listener.wait(version)

    async def _work(self, sweep: str, profile: Profile) -> None:
        try:
            for number in range(len(self._sweeps[sweep].points)):
                if self._manager.profile is not profile:
                    self._end(sweep, f"the servers were switched to profile {self._manager.profile.name}")
                    return
                await self._run(sweep, number)
            self._end(sweep, "finished")
        except Exception as error:
            _logger.exception("sweep %s failed", sweep)
            self._end(sweep, f"something went wrong inside the program ({type(error).__name__}: {error})")

    async def _run(self, sweep: str, number: int) -> None:
        """One run of a value, to its end. Its figures are read before the next run begins, and do not disturb it."""
        point = self._sweeps[sweep].points[number]
        try:
            race = await self._start(self._sweeps[sweep].prompt, point.settings)
        except UserError as error:
            self._set(sweep, number, phase=RunPhase.FAILED, problem=str(error))
            return
        self._set(sweep, number, run=race.id, phase=RunPhase.QUEUED)
        begun = False
        try:
            async for _ in race.run.log.follow():
                if not begun:
                    begun = True
                    self._set(sweep, number, phase=RunPhase.RUNNING)
        except asyncio.CancelledError:
            self._manager.stop(race.id)
            self._set(sweep, number, phase=RunPhase.STOPPED)
            raise
        finished = race.run.log.finished
        figures = await asyncio.to_thread(_figures, race) if race.run.phase is RunPhase.FINISHED else None
        problem = finished.reason if finished is not None and race.run.phase is RunPhase.FAILED else ""
        self._set(sweep, number, phase=race.run.phase, problem=problem, figures=figures)

    async def _start(self, prompt: str, settings: RunSettings) -> Race:
        """Start a run, in a thread, for baselines are looked for on disk. One that comes too late is stopped."""
        starting = asyncio.create_task(asyncio.to_thread(self._manager.start, prompt, settings))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            with suppress(UserError):
                self._manager.stop((await starting).id)
            raise

    def _ended(self, sweep: str) -> None:
        del self._tasks[sweep]
        if self._sweeps[sweep].ended is None:  # it was stopped, perhaps before its first run
            self._end(sweep, "stopped")

    def _end(self, sweep: str, reason: str) -> None:
        self._keep(self._sweeps[sweep].model_copy(update={"ended": reason}))

    def _set(self, sweep: str, number: int, **changed: object) -> None:
        points = list(self._sweeps[sweep].points)
        points[number] = points[number].model_copy(update=changed)
        self._keep(self._sweeps[sweep].model_copy(update={"points": tuple(points)}))

    def _keep(self, sweep: Sweep) -> None:
        self._sweeps[sweep.id] = sweep
        path = self._folder / f"{sweep.id}.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, sweep.model_dump_json().encode())
        except OSError as error:
            _logger.warning("the sweep %s cannot be kept in %s: %s", sweep.id, path, error.strerror)
        self._changes.notify()

    def _read(self, sweep: str) -> Sweep:
        path = self._folder / f"{sweep}.json"
        try:
            if not RUN_ID.fullmatch(sweep):
                raise UserError(f"{sweep!r} is no id of a sweep: it has 4 to 32 small letters and digits")
            found = Sweep.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise UserError(f"there is no sweep {sweep}: it was not made here, or was deleted") from None
        except (OSError, ValidationError) as error:
            raise UserError(f"the sweep {sweep} cannot be read from {path}: {error}") from None
        return found if found.ended is not None else _left(found)


def _left(sweep: Sweep) -> Sweep:
    """A sweep that the program left while it was under way."""
    over = {None, RunPhase.QUEUED, RunPhase.RUNNING}
    points = [point.model_copy(update={"phase": None}) if point.phase in over else point for point in sweep.points]
    return sweep.model_copy(update={"ended": LEFT, "points": tuple(points)})


def _figures(race: Race) -> PointFigures:
    summary = race.summary()
    wasted = summary.wasted_draft_tokens + summary.wasted_target_tokens
    return PointFigures(
        tokens_per_s=summary.tokens_per_s if summary.output_tokens else None,
        acceptance=summary.acceptance_rate,
        waste=wasted / summary.output_tokens if summary.output_tokens else None,
        speedup=summary.speedup,
        baseline=summary.baseline,
        baseline_tokens_per_s=summary.baseline_tokens_per_s,
    )
