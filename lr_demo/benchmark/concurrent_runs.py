"""Runs at once, for a benchmark: simulated ones that share their models in virtual time, and the application's own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum

from lr_demo.benchmark.concurrency_figures import Ran
from lr_demo.config import Profile, RunSettings, SimulatedServer
from lr_demo.decoding.admission import BatchCost
from lr_demo.decoding.budget import Budget
from lr_demo.decoding.engine import decode
from lr_demo.errors import ServingError
from lr_demo.events import Event, RunFinished, RunStarted, RunStatus
from lr_demo.models.virtual_time import run_virtual
from lr_demo.run_state import fold
from lr_demo.runs.manager import RunManager
from lr_demo.runs.roles import Casting
from lr_demo.serving.endpoint import Endpoint

OneRun = Callable[[str, RunSettings], Awaitable[Ran]]
PROMPTS = (
    "A crate holds 18 jars. How many jars are in 7 crates when 11 jars are broken?",
    "A train of 9 cars has 64 seats a car, and 5 of 8 seats are taken. How many seats are free?",
    "Mia reads 24 pages on weekdays and 40 on each day of the weekend. How many pages are that in 3 weeks?",
    "A tank of 350 litres loses 4 litres an hour. After how many hours is it down to 230 litres?",
    "Tickets cost 12 for adults and 7 for children. 15 adults and 26 children come. What do they pay?",
    "A rope of 96 m is cut into pieces of 3.2 m. How many pieces are there, and how many cuts were made?",
    "A baker makes 14 trays of 24 rolls and sells five sixths of them. How many rolls are left?",
    "A printer prints 22 pages a minute, and stops for 30 s after every 110. How long do 440 pages take?",
)


class Curve(StrEnum):
    """How the cost of a token grows with the sequences that a simulated target has in flight."""

    PROFILE = "profile"
    """As the profile says."""
    FLAT = "flat"
    """One sequence more costs nothing."""
    GENTLE = "gentle"
    """2 % of a token's time for each: an assumption, for a GPU that waits for memory."""
    CPU = "cpu"
    """vLLM with 1.5 billion parameters on two cores, as measured at 1, 2 and 4 sequences, and on along that line."""
    LINEAR = "linear"
    """Twice the sequences take twice as long, as llama.cpp on two cores."""


_MOST = 64
_COST: dict[Curve, Callable[[int], float]] = {
    Curve.FLAT: lambda n: 1.0,
    Curve.GENTLE: lambda n: 1 + 0.02 * (n - 1),
    Curve.CPU: lambda n: 1.0 if n == 1 else 1.11 + 0.19 * (n - 2),
    Curve.LINEAR: float,
}


def with_curve(profile: Profile, curve: Curve) -> Profile:
    """A simulated profile whose targets' batch cost follows a curve."""
    if curve is Curve.PROFILE:
        return profile
    cost = tuple(_COST[curve](n) for n in range(1, _MOST + 1))
    targets = {profile.roles.target, profile.roles.speculative_target}
    servers = {
        name: server.model_copy(update={"batch_cost": cost})
        if name in targets and isinstance(server, SimulatedServer)
        else server
        for name, server in profile.servers.items()
    }
    return profile.model_copy(update={"servers": servers})


async def streams(run: OneRun, prompts: Sequence[str], settings: RunSettings, count: int, each: int) -> list[list[Ran]]:
    """So many streams of runs at once, in each stream one run after the other; no two have the same seed."""

    async def stream(number: int) -> list[Ran]:
        ran = []
        for place in range(number, count * each, count):
            plan = settings.model_copy(update={"seed": settings.seed + place})
            ran.append(await run(prompts[place % len(prompts)], plan))
        return ran

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(stream(number)) for number in range(count)]
    return [task.result() for task in tasks]


def simulated_run(profile: Profile, settings: RunSettings) -> OneRun:
    """Runs that share the simulated models of a profile; in virtual time if the loop is."""

    def no_endpoint(server: str) -> Endpoint:
        raise ServingError(f"the server {server} is simulated: it has no address")

    cast = Casting(profile, no_endpoint, lambda _: None, lambda: None).cast(settings)
    budget = Budget(cost=BatchCost())

    async def run(prompt: str, plan: RunSettings) -> Ran:
        clock = asyncio.get_running_loop().time
        events, began = list[Event](), clock()

        def emit(event: Event) -> None:
            event.seq, event.t = len(events), clock() - began
            events.append(event)

        emit(RunStarted(prompt=prompt, mode=plan.mode, profile=profile.name, settings={}, models={}, started_at=""))
        reason = await decode(prompt, plan, cast, emit, profile.system_prompt, budget=budget)
        emit(RunFinished(status=RunStatus.FINISHED, reason=reason))
        return Ran(began, fold(events))

    return run


def simulate(profile: Profile, settings: RunSettings, runs: int, each: int = 2) -> list[list[Ran]]:
    """One level on a simulated profile, in virtual time."""

    async def level() -> list[list[Ran]]:
        return await streams(simulated_run(profile, settings), PROMPTS, settings, runs, each)

    return run_virtual(level())


def real_run(manager: RunManager) -> OneRun:
    """Concurrent runs of the application's own."""

    async def run(prompt: str, plan: RunSettings) -> Ran:
        race = manager.start_concurrent(prompt, plan)
        async for _ in race.run.log.follow():
            continue
        state = race.run.state()
        assert state.started is not None
        return Ran(datetime.fromisoformat(state.started.started_at).timestamp(), state)

    return run
