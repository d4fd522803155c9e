"""A sweep: planned whole, run one by one, stopped, kept; on simulated models."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from lr_demo.config import Mode, RunSettings, VerifierKind, parse_profile
from lr_demo.errors import ConfigError, UserError
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunPhase
from lr_demo.runs.sweep import MOST_VALUES, Spread, Sweep, Swept, Value, plan_points
from lr_demo.runs.sweeping import LEFT, Sweeps
from tests.runs.simulated_profile import TEXT, quick_profile, replicated_profile, slow_profile
from tests.runs.watching import wait

LOOKAHEAD = RunSettings(mode=Mode.LOOKAHEAD)
T = TypeVar("T")


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))


def sweeping(manager: RunManager, act: Callable[[Sweeps], Awaitable[T]]) -> T:
    """What `act` returns, beside sweeps that are being worked on."""

    async def work() -> T:
        sweeps = Sweeps(manager)
        async with asyncio.timeout(60), sweeps.working():
            return await act(sweeps)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work()).result()


async def until(sweeps: Sweeps, sweep: str, fits: Callable[[Sweep], bool]) -> Sweep:
    """A sweep as it is when it fits, or has ended."""
    last = sweeps.get(sweep)
    async for last in sweeps.follow(sweep):
        if fits(last):
            break
    return last


@pytest.mark.parametrize(
    ("setting", "values", "base", "reason"),
    [
        (Swept.LOOKAHEAD, [3], LOOKAHEAD, "1 values were given: a sweep takes 2 to 16"),
        (Swept.SEED, list(range(MOST_VALUES + 1)), LOOKAHEAD, "17 values were given"),
        (Swept.LOOKAHEAD, [1, 99], LOOKAHEAD, "lookahead = 99"),
        (Swept.LOOKAHEAD, [1, 2.5], LOOKAHEAD, "lookahead = 2.5"),
        (Swept.TEMPERATURE, [0.5, 1, 1.0], LOOKAHEAD, "a value of temperature is there twice"),
        (Swept.VERIFIER, ["judge", "oracle"], LOOKAHEAD, "verifier = 'oracle'"),
        (Swept.LOOKAHEAD, [1, 2], RunSettings(mode=Mode.AUTOREGRESSIVE), "lookahead changes nothing in mode"),
        (Swept.THRESHOLD, [0.1, 0.2], LOOKAHEAD.model_copy(update={"verifier": VerifierKind.EXACT}), "changes nothing"),
        (Swept.SEED, [1, 2], RunSettings(mode=Mode.SPECULATIVE), "it lacks a target server with token-level"),
    ],
)
def test_what_cannot_be_run_whole_is_refused(
    setting: Swept, values: list[Value], base: RunSettings, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        plan_points(quick_profile(), base, setting, values)


def test_repeats_have_other_seeds_and_every_value_comes_once_before_any_comes_again() -> None:
    base = LOOKAHEAD.model_copy(update={"seed": 7})
    points = plan_points(quick_profile(), base, Swept.LOOKAHEAD, [1, 3], repeats=3)
    planned = [(point.value, point.settings.lookahead, point.settings.seed) for point in points]
    assert planned == [(1, 1, 7), (3, 3, 7), (1, 1, 8), (3, 3, 8), (1, 1, 9), (3, 3, 9)]


@pytest.mark.parametrize(
    ("setting", "repeats", "seed", "reason"),
    [
        (Swept.LOOKAHEAD, 0, 0, "0 runs for each value were asked for"),
        (Swept.LOOKAHEAD, 6, 0, "a sweep makes 1 to 5"),
        (Swept.SEED, 2, 0, "a sweep over seeds runs each seed once"),
        (Swept.LOOKAHEAD, 2, 2**31 - 1, "seed = 2147483648"),
    ],
)
def test_repeats_that_cannot_be_run_are_refused(setting: Swept, repeats: int, seed: int, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        plan_points(quick_profile(), LOOKAHEAD.model_copy(update={"seed": seed}), setting, [1, 2], repeats)


def test_a_spread_is_over_the_runs_that_have_the_figure() -> None:
    assert Spread.of([None, 2.0, 4.0, None, 3.0]) == Spread(mean=3.0, low=2.0, high=4.0, runs=3)
    assert Spread.of([None]) is None


def test_a_threshold_belongs_to_the_verifier_it_was_set_for() -> None:
    base = LOOKAHEAD.model_copy(update={"threshold": 0.3})
    points = plan_points(quick_profile(), base, Swept.VERIFIER, ["judge", "random"])
    assert [point.settings.threshold for point in points] == [None, None]
    points = plan_points(quick_profile(), base, Swept.LOOKAHEAD, [1, 2])
    assert [point.settings.threshold for point in points] == [0.3, 0.3]


@pytest.mark.realtime
def test_each_value_is_run_after_the_one_before_with_one_baseline_for_all(tmp_path: Path) -> None:
    with RunManager(quick_profile(), tmp_path / "traces", hardware="a test machine") as manager:

        async def act(sweeps: Sweeps) -> Sweep:
            begun = sweeps.start("two and two", LOOKAHEAD, Swept.LOOKAHEAD, [1, 3, 2])
            return await until(sweeps, begun.id, lambda _: False)

        sweep = sweeping(manager, act)
        assert sweep.ended == "finished"
        races = [manager.race(point.run or "") for point in sweep.points]
        assert [race.run.settings.lookahead for race in races] == [1, 3, 2]
        assert [race.run.phase for race in races] == [RunPhase.FINISHED] * 3
        assert len({race.baseline.id for race in races if race.baseline}) == 1
        assert [point.figures.speedup for point in sweep.points if point.figures] == [
            pytest.approx(race.summary().speedup) for race in races
        ]
        begun = [race.run.started.started_at for race in races if race.run.started]
        assert begun == sorted(begun)


@pytest.mark.realtime
def test_a_sweep_that_is_stopped_ends_its_run_and_starts_no_more(tmp_path: Path) -> None:
    with RunManager(slow_profile(), tmp_path / "traces", hardware="a test machine") as manager:

        async def act(sweeps: Sweeps) -> Sweep:
            begun = sweeps.start("two and two", LOOKAHEAD, Swept.SEED, [1, 2, 3])
            await until(sweeps, begun.id, lambda sweep: sweep.points[0].run is not None)
            sweeps.stop(begun.id)
            last = await until(sweeps, begun.id, lambda _: False)
            (race,) = manager.races()
            async for _ in race.run.log.follow():
                pass
            return last

        sweep = sweeping(manager, act)
        assert sweep.ended == "stopped"
        assert [point.phase for point in sweep.points] == [RunPhase.STOPPED, None, None]
        assert [point.run is not None for point in sweep.points] == [True, False, False]
        (race,) = manager.races()
        assert race.run.phase is RunPhase.STOPPED


@pytest.mark.realtime
def test_a_run_that_starts_while_its_sweep_is_stopped_is_stopped_too(tmp_path: Path) -> None:
    with RunManager(slow_profile(), tmp_path / "traces", hardware="a test machine") as manager:

        async def act(sweeps: Sweeps) -> Sweep:
            begun = sweeps.start("two and two", LOOKAHEAD, Swept.SEED, [1, 2])
            await asyncio.sleep(0)  # its first run is being started, in a thread
            sweeps.stop(begun.id)
            return await until(sweeps, begun.id, lambda _: False)

        sweep = sweeping(manager, act)
        assert [point.run for point in sweep.points] == [None, None]
        (race,) = manager.races()
        assert wait(race.run) is RunPhase.STOPPED


@pytest.mark.realtime
def test_a_sweep_outlives_the_program_as_what_it_came_to(tmp_path: Path) -> None:
    with RunManager(slow_profile(), tmp_path / "traces", hardware="a test machine") as manager:

        async def leave(sweeps: Sweeps) -> Sweep:
            begun = sweeps.start("two and two", LOOKAHEAD, Swept.SEED, [1, 2])
            return await until(sweeps, begun.id, lambda sweep: sweep.points[0].run is not None)

        left = sweeping(manager, leave)
    later = Sweeps(manager)
    assert later.get(left.id).ended == "stopped"
    assert [sweep.id for sweep in later.all()] == [left.id]
    path = next((tmp_path / "traces" / "sweeps").glob("*.json"))
    path.write_text(left.model_dump_json())  # as a crash leaves it
    assert later.get(left.id).ended == LEFT
    assert [point.phase for point in later.get(left.id).points] == [None, None]


@pytest.mark.realtime
def test_a_sweep_ends_where_the_servers_are_switched(tmp_path: Path) -> None:
    with RunManager(slow_profile(), tmp_path / "traces", hardware="a test machine") as manager:

        async def act(sweeps: Sweeps) -> Sweep:
            begun = sweeps.start("two and two", LOOKAHEAD, Swept.SEED, [1, 2])
            await until(sweeps, begun.id, lambda sweep: sweep.points[0].run is not None)
            manager.switch_profile(replicated_profile())
            return await until(sweeps, begun.id, lambda _: False)

        sweep = sweeping(manager, act)
        assert sweep.ended == "the servers were switched to profile simulated-replicas"
        assert sweep.points[1].run is None


@pytest.mark.parametrize("sweep", ["nothere1", "../../etc", ""])
def test_an_unknown_sweep_is_said_in_a_sentence(tmp_path: Path, sweep: str) -> None:
    manager = RunManager(parse_profile(TEXT, "x.yaml"), tmp_path, hardware="a test machine")
    with pytest.raises(UserError, match=r"there is no sweep|is no id of a sweep"):
        Sweeps(manager).get(sweep)
