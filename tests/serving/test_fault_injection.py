"""Real llama.cpp servers, killed or stopped in the middle of runs: every run ends honestly, and soon.

`LOOKAHEAD_LIVE_FAULTS` says how many faults of each kind befall each server (default 1; the claim was
measured with 20). Figures are printed: run pytest with `-s` to read them.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import aclosing
from importlib.util import find_spec
from itertools import pairwise

import psutil
import pytest

from lr_demo import limits
from lr_demo.config import Mode, Profile, RoleMap, RunSettings, Schedule, VerifierKind
from lr_demo.events import Role, RoleDegraded, RunStatus, StepCancelled, Verdict, VerdictStarted
from lr_demo.run_state import StepPhase, fold
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunHandle
from lr_demo.serving.status import ServerState, ServerStatus
from tests.engines import LLAMACPP_SMOL, SUSPENDING

pytestmark = [
    SUSPENDING,
    pytest.mark.llamacpp,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("xllamacpp") is None, reason="xllamacpp is not installed"),
]
FAULTS = int(os.environ.get("LOOKAHEAD_LIVE_FAULTS", "1"))
SERVER = LLAMACPP_SMOL.model_copy(update={"threads": 1, "slots": 2, "context": 2048})
PROFILE = Profile(
    name="faults",
    description="three servers of their own",
    servers={"target": SERVER, "draft": SERVER, "judge": SERVER},
    roles=RoleMap(target="target", draft="draft", judge="judge"),
)
PROMPT = "Janet has 16 eggs a day. She eats 3 and bakes with 4, and sells the rest at $2. What does she earn in a week?"
PROSE = "Why is the sky blue, and why is it red in the evening? Explain it in a few short paragraphs, in words alone."
"""Steps without numbers: the judge is asked about each."""
COMPLETE = ("end_of_sequence", "token_limit", "final_answer", "repeated_step")
QUICK = {
    "HEALTH_PERIOD_S": 0.5,
    "HEALTH_NOTICE_S": 1.0,
    "HEALTH_LIMIT_S": 5.0,
    "FIRST_RESTART_PAUSE_S": 0.1,
    "LONGEST_RESTART_PAUSE_S": 0.1,
    "RESTARTS": 1000,
}
"""A server that is stopped is to be found within seconds here, and one that is killed often to come back each time."""


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunManager]:
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKAHEAD_LIVE_HOME", str(folder / "home"))
        for name, value in QUICK.items():
            patch.setattr(limits, name, value)
        with RunManager(PROFILE, folder / "traces", hardware="a test machine") as manager:
            yield manager


def serving(server: ServerStatus) -> bool:
    """Ready, and not looked for: one that hangs counts as ready until it is known that it does."""
    return server.state is ServerState.READY and server.detail.startswith("serving at")


def until_ready(manager: RunManager) -> None:
    async def wait() -> None:
        async with asyncio.timeout(120):
            async for view in manager.follow_fleet():
                assert view.error is None
                if view.ready and all(map(serving, view.servers)):
                    return

    asyncio.run(wait())


async def process_of(manager: RunManager, server: str) -> psutil.Process:
    """The process that listens where the server is said to serve.

    Where the last fault came at the end of a run, the fleet may not know of it yet: there is none until it does.
    """
    async for view in manager.follow_fleet():
        (status,) = [status for status in view.servers if status.name == server]
        if serving(status):
            for process in psutil.Process().children(recursive=True):
                if status.detail.rpartition(":")[2] in (f"{port}/v1" for port in ports(process)):
                    return process
    raise AssertionError("a fleet is followed for as long as its manager lives")


async def befall(manager: RunManager, server: str, fault: signal.Signals) -> None:
    """A fault for the process that serves now.

    One that was found a while ago may have been replaced: it ends, too, where it was slow to say that it lives.
    """
    async with asyncio.timeout(120):
        while True:
            try:
                (await process_of(manager, server)).send_signal(fault)
            except psutil.NoSuchProcess:
                continue
            return


def ports(process: psutil.Process) -> set[int]:
    """Where a process listens or is connected; none where it has ended meanwhile."""
    try:
        return {connection.laddr.port for connection in process.net_connections("tcp")}
    except psutil.Error:
        return set()


def settings_for(server: str, dice: random.Random) -> RunSettings:
    """Some settings with which a run uses the server."""
    modes = {
        "target": [Mode.AUTOREGRESSIVE, Mode.LOOKAHEAD, Mode.SPECREASON],
        "draft": [Mode.LOOKAHEAD, Mode.SPECREASON],
    }
    return RunSettings(
        mode=dice.choice(modes.get(server, [Mode.LOOKAHEAD])),
        schedule=dice.choice(list(Schedule)),
        lookahead=dice.choice([1, 2]),
        verifier=VerifierKind.JUDGE,
        temperature=0.7,
        seed=dice.randrange(1000),
        max_tokens=250 if server == "judge" else 150,
        step_cap=80 if server == "judge" else 40,  # a step that is cut is not judged
    )


def strike(
    manager: RunManager, server: str, handle: RunHandle, fault: signal.Signals, after_s: float, verdict: int = 0
) -> bool:
    """Follow a run to its end, with a fault some time after it began, or after the judge was asked for a verdict.

    Returns whether the judge was giving a verdict then. The run may be over by then: the next one must not suffer.
    """

    async def fail() -> bool:
        asked = 0
        async with aclosing(handle.log.follow()) as batches:
            async for batch in batches:
                asked += sum(isinstance(event, VerdictStarted) for event in batch)
                if asked >= verdict:
                    break
        await asyncio.sleep(after_s)
        judging = handle.log.finished is None and bool(being_judged(handle))
        await befall(manager, server, fault)
        return judging

    async def both() -> bool:
        judging, _ = await asyncio.gather(fail(), to_its_end(handle))
        return judging

    return asyncio.run(both())


def being_judged(handle: RunHandle) -> set[tuple[int, int]]:
    """The drafted steps for whose verdict a run waits."""
    waiting = set()
    for event in handle.log.events():
        if isinstance(event, VerdictStarted):
            waiting.add((event.position, event.alternative))
        elif isinstance(event, Verdict) or (isinstance(event, StepCancelled) and event.role is Role.DRAFT):
            waiting.discard((event.position, event.alternative))
    return waiting


async def to_its_end(handle: RunHandle) -> None:
    async with asyncio.timeout(limits.TARGET_PATIENCE_S + 2 * limits.silence_s(Role.TARGET, unread=2048)):
        async for _ in handle.log.follow():
            pass


def check(manager: RunManager, handle: RunHandle) -> None:
    """A complete answer, or an honest failure; and a trace that says the same."""
    events = manager.store.load(handle.id).events()
    assert events == handle.log.events()
    state = fold(events)
    assert state.finished is not None
    assert all(step.phase not in (StepPhase.WRITING, StepPhase.JUDGING) for step in state.steps.values())
    assert [state.positions[step.key.position].step for step in state.answer] == list(range(len(state.answer)))
    if state.status is RunStatus.FINISHED:
        assert state.finished.reason in COMPLETE
        assert state.text()
    else:
        assert state.status is RunStatus.FAILED
        assert Role.TARGET in state.degraded, "only the target may fail a run"


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
@pytest.mark.parametrize("server", ["target", "draft", "judge"])
def test_a_run_survives_the_fault_of_a_server(manager: RunManager, server: str, fault: signal.Signals) -> None:
    dice = random.Random(f"{server} {fault}")
    figures = []
    struck = 0
    for _ in range(FAULTS):
        until_ready(manager)
        race = manager.start(PROSE if server == "judge" else PROMPT, settings_for(server, dice), baseline=False)
        begun = time.monotonic()
        if server == "judge":  # a verdict takes a tenth of a second or two: a fault at any time would rarely meet one
            struck += strike(manager, server, race.run, fault, dice.uniform(0.0, 0.05), verdict=1)
        else:
            strike(manager, server, race.run, fault, dice.uniform(0.0, 2.5))
        check(manager, race.run)
        events = race.run.log.events()
        gap = max((after.t - before.t for before, after in pairwise(events)), default=0.0)
        noticed = any(isinstance(event, RoleDegraded) and event.role == server for event in events)
        figures.append((race.run.phase.value, noticed, gap, time.monotonic() - begun))
        if server != "target":
            assert race.run.phase.value == "finished"
    ended = {phase: sum(figure[0] == phase for figure in figures) for phase in ("finished", "failed")}
    longest, slowest = max(figure[2] for figure in figures), max(figure[3] for figure in figures)
    print(
        f"\n{server} {fault.name}: {ended}, {sum(figure[1] for figure in figures)} runs saw it"
        f"{f', {struck} verdicts were under way' if server == 'judge' else ''}; "
        f"longest silence {longest:.1f} s, longest run {slowest:.1f} s"
    )


def test_a_target_that_is_given_up_fails_the_run_at_once_and_a_draft_does_not(
    manager: RunManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(1)
    until_ready(manager)
    monkeypatch.setattr(limits, "RESTARTS", 0)
    race = manager.start(PROMPT, settings_for("judge", dice), baseline=False)
    strike(manager, "draft", race.run, signal.SIGKILL, 0.5)
    check(manager, race.run)
    assert race.run.phase.value == "finished"
    race = manager.start(PROMPT, settings_for("judge", dice), baseline=False)
    strike(manager, "target", race.run, signal.SIGKILL, 0.5)
    check(manager, race.run)
    assert race.run.phase.value == "failed"
    finished = race.run.log.finished
    assert finished is not None
    gone = "the server of SmolLM2-135M-Instruct is gone: it died"
    assert gone in finished.reason
    again = manager.start(PROMPT, settings_for("judge", dice), baseline=False)
    asyncio.run(to_its_end(again.run))
    assert again.run.log.finished is not None
    assert gone in again.run.log.finished.reason
