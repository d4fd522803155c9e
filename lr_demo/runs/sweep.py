"""A sweep: one setting over several values, a run each, one after the other. It belongs to the application."""

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lr_demo.config import Mode, Profile, RunSettings, VerifierKind, check_prompt, parse_settings
from lr_demo.errors import ConfigError, UserError
from lr_demo.runs.manager import RunManager
from lr_demo.runs.roles import check_runnable
from lr_demo.runs.signal import Signal
from lr_demo.runs.traces import RUN_ID

LEAST_VALUES, MOST_VALUES = 2, 16
MOST_UNDER_WAY = 4
"""Sweeps that take turns at a time."""
FOLDER = "sweeps"
"""Within that of the traces."""
LEFT = "the program ended before the sweep did"
"""Reason of a sweep that the program did not bring to its end."""
_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_logger = logging.getLogger(__name__)

Value = int | float | str


class Swept(StrEnum):
    """A setting that can be swept, by its name in `RunSettings`."""

    LOOKAHEAD = "lookahead"
    WIDTH = "width"
    THRESHOLD = "threshold"
    TEMPERATURE = "temperature"
    SEED = "seed"
    VERIFIER = "verifier"

    def matters(self, settings: RunSettings) -> bool:
        """Whether it changes anything about a run with these settings."""
        mode = settings.mode
        match self:
            case Swept.LOOKAHEAD | Swept.WIDTH:
                return mode.compares_steps and mode is not Mode.AUTO
            case Swept.THRESHOLD:
                compared = mode.compares_steps and settings.verifier is not VerifierKind.EXACT
                return compared or mode is Mode.SPECREASON
            case Swept.VERIFIER:
                return mode.compares_steps
            case _:
                return True


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Point(_Record):
    """One value, and its run."""

    value: Value
    settings: RunSettings
    run: str | None = None
    """None while it has not been started."""
    problem: str = ""
    """Why it could not be started."""


class Sweep(_Record):
    """A sweep as it is at one moment."""

    id: str
    prompt: str
    setting: Swept
    profile: str
    simulated: bool
    hardware: str
    began: str
    """ISO 8601, with zone."""
    points: tuple[Point, ...]
    ended: str | None = None
    """Why it ended: `finished`, `stopped` or a sentence. None while it is under way."""


def plan_points(profile: Profile, base: RunSettings, setting: Swept, values: list[Value]) -> tuple[Point, ...]:
    """A point for each value.

    Raises:
        ConfigError: the values are too few, too many or not distinct, one is out of range or cannot be run on this
            profile, or the setting means nothing in this mode.
    """
    if not LEAST_VALUES <= len(values) <= MOST_VALUES:
        raise ConfigError(f"{len(values)} values were given: a sweep takes {LEAST_VALUES} to {MOST_VALUES}")
    points = [Point(value=value, settings=parse_settings(base, {setting.value: value})) for value in values]
    if len({getattr(point.settings, setting) for point in points}) < len(points):
        raise ConfigError(f"a value of {setting.value} is there twice: each is run once")
    for point in points:
        if not setting.matters(point.settings):
            raise ConfigError(
                f"{setting.value} changes nothing in mode {point.settings.mode} with verifier "
                f"{point.settings.verifier}: choose another setting or mode"
            )
        check_runnable(profile, point.settings)
    return tuple(points)


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

    def start(self, prompt: str, base: RunSettings, setting: Swept, values: list[Value]) -> Sweep:
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
            id="".join(secrets.choice(_ID_LETTERS) for _ in range(12)),
            prompt=check_prompt(prompt),
            setting=setting,
            profile=profile.name,
            simulated=profile.simulated,
            hardware=self._manager.hardware,
            began=datetime.now().astimezone().isoformat(timespec="seconds"),
            points=plan_points(profile, base, setting, values),
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

    def under_way(self, sweep: str) -> bool:
        """Whether it is being worked on."""
        return sweep in self._tasks

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
        """The run of one value, to its end."""
        point = self._sweeps[sweep].points[number]
        try:  # in a thread, for recorded baselines are looked for on disk
            race = await asyncio.to_thread(self._manager.start, self._sweeps[sweep].prompt, point.settings)
        except UserError as error:
            self._set(sweep, number, point.model_copy(update={"problem": str(error)}))
            return
        self._set(sweep, number, point.model_copy(update={"run": race.id}))
        try:
            async for _ in race.run.log.follow():
                if len(race.run.log) == 1:
                    self._changes.notify()  # it waited, and has begun
        finally:
            if race.run.log.finished is None:
                self._manager.stop(race.id)

    def _ended(self, sweep: str) -> None:
        del self._tasks[sweep]
        if self._sweeps[sweep].ended is None:  # it was stopped, perhaps before its first run
            self._end(sweep, "stopped")

    def _end(self, sweep: str, reason: str) -> None:
        self._keep(self._sweeps[sweep].model_copy(update={"ended": reason}))

    def _set(self, sweep: str, number: int, point: Point) -> None:
        points = list(self._sweeps[sweep].points)
        points[number] = point
        self._keep(self._sweeps[sweep].model_copy(update={"points": tuple(points)}))

    def _keep(self, sweep: Sweep) -> None:
        self._sweeps[sweep.id] = sweep
        path = self._folder / f"{sweep.id}.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".part")
            beside.write_text(sweep.model_dump_json(), encoding="utf-8")
            os.replace(beside, path)
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
            raise UserError(f"the sweep {sweep} cannot be read from {Path(path)}: {error}") from None
        return found if found.ended is not None else found.model_copy(update={"ended": LEFT})
