"""Runs on one target share its places: never too many, roots first, the rest evenly, and everything given back."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo.config import Mode, RunSettings, VerifierKind
from lr_demo.decoding.budget import Budget, Share
from lr_demo.models.virtual_time import run_virtual
from tests.decoding.crowd import Crowd
from tests.decoding.scene import Scene, settings


@dataclass(eq=False)
class Run:
    """A run that asks by hand, and what of it is in flight."""

    share: Share
    most: int
    root: int = 0
    waiting: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)

    @property
    def startable(self) -> bool:
        return bool(self.waiting) and len(self.running) < self.most

    @property
    def root_waits(self) -> bool:
        return self.startable and min(self.waiting) <= self.root


class Server:
    """Checks the order of every start against the rule, written down a second time and without any cleverness."""

    def __init__(self, places: int | None) -> None:
        self.budget = Budget(places)
        self.places = places
        self.runs: list[Run] = []

    @property
    def limit(self) -> int:
        most = max((run.most for run in self.runs), default=0)
        return most if self.places is None else min(most, self.places)

    @property
    def in_flight(self) -> int:
        return sum(len(run.running) for run in self.runs)

    def ask(self, run: Run, step: int, wanted: bool) -> None:
        def start() -> bool:
            if not self.runs:  # all of them leave
                return False
            if not wanted:
                run.waiting.remove(step)
                return False
            assert self.in_flight < self.limit
            assert step == min(run.waiting)
            if step > run.root:
                assert not any(other.root_waits for other in self.runs)
                ahead = [other for other in self.runs if other.startable]
                assert len(run.running) == min(len(other.running) for other in ahead)
                idle = sum(not other.running and not other.waiting for other in self.runs)
                assert self.in_flight + idle < self.limit
            run.waiting.remove(step)
            run.running.append(step)
            return True

        run.waiting.append(step)
        run.share.request(step, start)

    def move(self, data: st.DataObject) -> None:
        """One run does something."""
        run = data.draw(st.sampled_from(self.runs), label="run")
        match data.draw(st.sampled_from(["ask", "end", "advance"])):
            case "ask":
                self.ask(run, run.root + data.draw(st.integers(0, 4)), wanted=data.draw(st.integers(0, 4)) > 0)
            case "end" if run.running:
                step = data.draw(st.sampled_from(sorted(run.running)))
                run.running.remove(step)
                run.share.release(step)
            case "advance":
                run.root += 1
                run.share.advance(run.root)

    def check(self) -> None:
        assert self.in_flight == self.budget.in_flight
        if any(run.root_waits for run in self.runs):
            assert self.in_flight >= self.limit


@examples(max_examples=300, deadline=None)
@given(st.data(), st.none() | st.integers(1, 5), st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_places_go_to_roots_first_and_then_to_the_run_that_has_the_fewest(
    data: st.DataObject, places: int | None, parts: Sequence[int]
) -> None:
    server = Server(places)
    with ExitStack() as leaving:
        for most in parts:
            share = leaving.enter_context(server.budget.join(RunSettings(parallel_budget=most)))
            server.runs.append(Run(share, most))
        leaving.callback(server.runs.clear)
        for _ in range(data.draw(st.integers(0, 40), label="moves")):
            server.move(data)
            server.check()
    assert (server.budget.in_flight, server.budget.runs, server.budget.limit) == (0, 0, 0)


def test_the_surplus_goes_round_evenly_and_what_a_run_gives_back_is_taken_at_once() -> None:
    budget, held = Budget(), {"one": 0, "two": 0}

    def taking(name: str) -> bool:
        held[name] += 1
        return True

    with budget.join(RunSettings(parallel_budget=8)) as two:
        with budget.join(RunSettings(parallel_budget=8)) as one:
            for step in range(10):
                one.request(step, lambda: taking("one"))
            assert held == {"one": 7, "two": 0}  # the last place is kept for the other's root
            for step in range(10):
                two.request(step, lambda: taking("two"))
            assert held == {"one": 7, "two": 1}
            for step in range(3):
                one.release(step)
            assert held == {"one": 7, "two": 4}
        assert held["two"] == 8


def test_a_place_that_nobody_waits_for_any_more_is_free() -> None:
    async def scenario() -> list[str]:
        budget, order = Budget(), list[str]()

        async def run(name: str, seconds: float) -> None:
            with budget.join(RunSettings(parallel_budget=1)) as share:
                async with share.place():
                    order.append(name)
                    await asyncio.sleep(seconds)

        first = asyncio.create_task(run("first", 5))
        stopped = asyncio.create_task(run("stopped", 5))
        last = asyncio.create_task(run("last", 5))
        await asyncio.sleep(1)
        stopped.cancel()
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait_for(last, 6)
        assert (budget.in_flight, budget.runs) == (0, 0)
        return order

    assert run_virtual(scenario()) == ["first", "last"]


def test_a_run_that_is_stopped_as_its_place_is_given_gives_it_back() -> None:
    async def scenario() -> list[int]:
        budget, after = Budget(), list[int]()

        async def run() -> None:
            with budget.join(RunSettings(parallel_budget=1)) as share:
                try:
                    async with share.place():
                        await asyncio.get_running_loop().create_future()
                finally:
                    after.append(budget.in_flight)

        task = asyncio.create_task(run())
        await asyncio.sleep(0)
        assert budget.in_flight == 1
        task.cancel()
        await asyncio.wait({task})
        return after

    assert run_virtual(scenario()) == [0]


plans = st.builds(
    settings,
    mode=st.sampled_from([Mode.LOOKAHEAD, Mode.LOOKAHEAD, Mode.AUTOREGRESSIVE]),
    lookahead=st.integers(1, 4),
    width=st.integers(1, 2),
    parallel_budget=st.integers(1, 6),
    schedule=st.sampled_from(["async", "sync"]),
    verifier=st.just(VerifierKind.EXACT),
    seed=st.integers(0, 5),
)


@examples(max_examples=150, deadline=None)
@given(
    st.lists(plans, min_size=1, max_size=6),
    st.none() | st.integers(1, 4),
    st.lists(st.floats(0, 0.5), min_size=6, max_size=6),
    st.sets(st.integers(0, 5)),
    st.booleans(),
)
def test_over_all_runs_together_the_target_never_decodes_more_than_the_budget(
    crowd: list[RunSettings], places: int | None, begins: list[float], stopped: set[int], measuring: bool
) -> None:
    outcomes, scene = Crowd(places, measuring), Scene(batch_cost=(1.0, 1.1, 1.6, 2.5))
    outcomes.run(scene, crowd, begins, stopped)
    most = max(plan.parallel_budget for plan in crowd)
    assert outcomes.most_in_flight <= (most if places is None else min(most, places))
    assert (outcomes.budget.in_flight, outcomes.budget.runs, outcomes.left) == (0, 0, 0)
    alone = {}
    for number, (plan, answer) in enumerate(zip(crowd, outcomes.answers, strict=True)):
        if answer is None:
            assert number in stopped
            continue
        if plan.seed not in alone:
            alone[plan.seed] = scene.run(plan.model_copy(update={"mode": Mode.AUTOREGRESSIVE})).state.text()
        assert answer == alone[plan.seed]
