"""The judge's reason for a step of a run that has ended: who is asked, when nobody is, that the run stays as it was."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lr_demo.errors import UserError
from lr_demo.run_state import StepState
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunHandle, RunPhase
from lr_demo.runs.reasons import judge_for
from lr_demo.runs.summary import WITHOUT_VERIFIER
from lr_demo.verification.reason import SimulatedReasoner
from tests.runs.simulated_profile import quick_profile, slow_profile
from tests.runs.watching import until_fleet, until_running, wait
from tests.ui.recorded import LOOKAHEAD, record, record_own

pytestmark = pytest.mark.realtime


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))


@pytest.fixture(params=["quick"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunManager]:
    profile = slow_profile() if request.param == "slow" else quick_profile()
    with RunManager(profile, tmp_path / "traces", hardware="a test machine") as manager:
        until_fleet(manager, lambda view: view.ready)
        yield manager


@pytest.fixture
def run(manager: RunManager) -> RunHandle:
    """A recorded run of the manager's own models."""
    record_own(manager.store.folder, "earlier1", manager.profile)
    return manager.get("earlier1")


def compared(run: RunHandle) -> list[StepState]:
    """Drafted steps that a verifier compared."""
    steps = run.state().steps.values()
    return [step for step in steps if step.verdict is not None and step.verdict.method not in WITHOUT_VERIFIER]


def test_the_judge_says_why_and_the_run_stays_as_it_was(manager: RunManager, run: RunHandle) -> None:
    assert run.trace is not None
    lines, trace = list(run.log.lines()), run.trace.read_bytes()
    steps = compared(run)
    assert {step.verdict.accepted for step in steps if step.verdict} == {True, False}
    for step in steps:
        reason = asyncio.run(manager.reason(run.id, step.key.position))
        assert ("mean the same" in reason.text) == (step.verdict is not None and step.verdict.accepted)
        assert reason.simulated
    assert list(manager.get(run.id).log.lines()) == lines
    assert run.trace.read_bytes() == trace


@pytest.mark.parametrize(("position", "alternative"), [(9999, 0), (0, 7)])
def test_a_step_that_was_never_compared_is_refused(
    manager: RunManager, run: RunHandle, position: int, alternative: int
) -> None:
    with pytest.raises(UserError, match="no verifier compared"):
        asyncio.run(manager.reason(run.id, position, alternative))


def test_about_a_run_of_other_models_nobody_is_asked(manager: RunManager, run: RunHandle) -> None:
    assert judge_for(manager.profile, run)
    assert judge_for(slow_profile(), run) == ""
    record(manager.store.folder, "other1", profile=manager.profile.name, said={"fingerprint": "of other servers"})
    with pytest.raises(UserError, match="not the loaded ones"):
        asyncio.run(manager.reason("other1", compared(run)[0].key.position))


@pytest.mark.parametrize("manager", ["slow"], indirect=True)
def test_while_a_run_is_under_way_nobody_is_asked(manager: RunManager, run: RunHandle) -> None:
    until_running(manager.start("two and two", LOOKAHEAD, baseline=False).run)
    with pytest.raises(UserError, match="a run is under way"):
        asyncio.run(manager.reason(run.id, compared(run)[0].key.position))


class Silence:
    """In the judge's place: never says anything, and tells when it is asked and when it is let go."""

    def __init__(self) -> None:
        self.asked, self.left = threading.Event(), threading.Event()

    async def why(self, *_: object) -> str:
        self.asked.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.left.set()
        return ""


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Silence:
    judge = Silence()
    monkeypatch.setattr(SimulatedReasoner, "why", judge.why)
    return judge


def test_a_run_that_begins_ends_the_question(manager: RunManager, run: RunHandle, silence: Silence) -> None:
    async def overtaken() -> RunHandle:
        question = asyncio.create_task(manager.reason(run.id, compared(run)[0].key.position))
        assert await asyncio.to_thread(silence.asked.wait, 30)
        race = await asyncio.to_thread(manager.start, "three and three", LOOKAHEAD, baseline=False)
        with pytest.raises(UserError, match="a run began"):
            await question
        return race.run

    later = asyncio.run(overtaken())
    assert silence.left.is_set()
    assert wait(later) is RunPhase.FINISHED


def test_a_reader_who_goes_away_ends_the_question(manager: RunManager, run: RunHandle, silence: Silence) -> None:
    async def gone() -> None:
        question = asyncio.create_task(manager.reason(run.id, compared(run)[0].key.position))
        assert await asyncio.to_thread(silence.asked.wait, 30)
        question.cancel()
        await asyncio.wait({question})

    asyncio.run(gone())
    assert silence.left.wait(30)
