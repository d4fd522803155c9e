"""A sweep as a record: one setting over several values, and what the runs of each came to."""

from collections.abc import Iterable
from enum import StrEnum
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from lr_demo.config import Mode, Profile, RunSettings, VerifierKind, parse_settings
from lr_demo.errors import ConfigError
from lr_demo.runs.race import RunPhase
from lr_demo.runs.roles import check_runnable

LEAST_VALUES, MOST_VALUES = 2, 16
MOST_REPEATS = 5
"""Runs of one value, each with another seed."""

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


class PointFigures(_Record):
    """What the run of one value came to."""

    tokens_per_s: float | None
    acceptance: float | None
    """Share of the compared steps of the answer where the drafted one stayed."""
    waste: float | None
    """Tokens written and thrown away, by draft and target, for each token of the answer."""
    speedup: float | None
    baseline: str | None
    """Run id of the autoregressive baseline."""
    baseline_tokens_per_s: float | None


class Spread(_Record):
    """A figure over the runs of one value."""

    mean: float
    low: float
    high: float
    runs: int
    """That have such a figure."""

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Spread | None":
        """None where no run has the figure."""
        there = [value for value in values if value is not None]
        return cls(mean=fmean(there), low=min(there), high=max(there), runs=len(there)) if there else None


class Point(_Record):
    """One value, and a run of it: where runs are repeated, a value has several points, told apart by the seed."""

    value: Value
    settings: RunSettings
    run: str | None = None
    """None while it has not been started."""
    phase: RunPhase | None = None
    problem: str = ""
    """Why it could not be started, or failed."""
    figures: PointFigures | None = None
    """None where it has not finished."""


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


def plan_points(
    profile: Profile, base: RunSettings, setting: Swept, values: list[Value], repeats: int = 1
) -> tuple[Point, ...]:
    """A point for each value and repeat. All values are run once before any is run again, with the next seed: what
    changes at the machine meanwhile touches all of them, and a sweep that is stopped has its curve.

    Raises:
        ConfigError: the values are too few, too many or not distinct, one is out of range or cannot be run on this
            profile, the setting means nothing in this mode, or there are too many repeats.
    """
    if not LEAST_VALUES <= len(values) <= MOST_VALUES:
        raise ConfigError(f"{len(values)} values were given: a sweep takes {LEAST_VALUES} to {MOST_VALUES}")
    if not 1 <= repeats <= MOST_REPEATS:
        raise ConfigError(f"{repeats} runs for each value were asked for: a sweep makes 1 to {MOST_REPEATS}")
    if setting is Swept.SEED and repeats > 1:
        raise ConfigError("a sweep over seeds runs each seed once: runs are repeated with other seeds")
    once = [Point(value=value, settings=parse_settings(base, {setting.value: value})) for value in values]
    if len({getattr(point.settings, setting) for point in once}) < len(once):
        raise ConfigError(f"a value of {setting.value} is there twice: each is run with the same settings only once")
    for point in once:
        if not setting.matters(point.settings):
            raise ConfigError(
                f"{setting.value} changes nothing in mode {point.settings.mode} with verifier "
                f"{point.settings.verifier}: choose another setting or mode"
            )
        check_runnable(profile, point.settings)
    again = [_with_seed(point, base.seed + more) for more in range(1, repeats) for point in once]
    return (*once, *again)


def _with_seed(point: Point, seed: int) -> Point:
    return point.model_copy(update={"settings": parse_settings(point.settings, {"seed": seed})})
