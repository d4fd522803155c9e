"""The stages of a run are places in its events at which the page can stop; the lessons that ship hold together."""

from pathlib import Path

import pytest

from lr_demo.config import Mode, SimulatedSpeculation
from lr_demo.errors import TraceError, UserError
from lr_demo.events import (
    Event,
    PositionOpened,
    Role,
    RunFinished,
    RunStarted,
    RunStatus,
    StepCancelled,
    StepCommitted,
    StepDelta,
    Verdict,
)
from lr_demo.models.simulated import Failure
from lr_demo.models.story import SeededStory
from lr_demo.run_state import StepKey, fold
from lr_demo.ui.lessons import FOLDER, INDEX, Lessons
from lr_demo.ui.stages import Pointer, Stage, StageKind
from lr_demo.ui.tour import stages
from tests.decoding.scene import Scene
from tests.ui.recorded import LOOKAHEAD, record

STORY = SeededStory(steps=12, tokens_per_step=12, acceptance=0.5)
KEYS = [lesson.key for lesson in Lessons().all()]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    return record(tmp_path_factory.mktemp("traces"), "tour1", story=STORY)


def of_kind(found: list[Stage], kind: StageKind) -> list[Stage]:
    return [stage for stage in found if stage.kind is kind]


def test_a_tour_begins_with_the_problem_ends_with_the_run_and_never_goes_back(events: list[Event]) -> None:
    found = stages(events)
    assert (found[0].kind, found[0].seq) == (StageKind.PROBLEM, 0)
    assert (found[-1].kind, found[-1].seq) == (StageKind.END, events[-1].seq)
    places = [(stage.seq, stage.cycle) for stage in found]
    assert places == sorted(places)


def test_every_verdict_is_predicted_before_it_is_in_the_log(events: list[Event]) -> None:
    found = stages(events)
    verdicts = [event for event in events if isinstance(event, Verdict)]
    predictions, shown = of_kind(found, StageKind.PREDICTION), of_kind(found, StageKind.VERDICT)
    assert [(stage.seq, stage.accepted) for stage in shown] == [(event.seq, event.accepted) for event in verdicts]
    assert {event.accepted for event in verdicts} == {True, False}
    for stage, event in zip(predictions, verdicts, strict=True):
        assert (stage.seq, stage.position, stage.accepted) == (event.seq - 1, event.position, event.accepted)
        before = fold(events[: stage.seq + 1])
        target, draft = (before.steps[StepKey(event.position, role)] for role in (Role.TARGET, Role.DRAFT))
        assert draft.verdict is None
        assert None not in (target.ended, draft.ended)


def test_every_step_of_the_answer_has_its_stage(events: list[Event]) -> None:
    committed = [event for event in events if isinstance(event, StepCommitted)]
    shown = of_kind(stages(events), StageKind.OUTCOME)
    assert [(stage.seq, stage.step) for stage in shown] == [(event.seq, event.step) for event in committed]


def test_a_correction_tells_how_much_was_given_up(events: list[Event]) -> None:
    windows = [stage for stage in of_kind(stages(events), StageKind.WINDOW) if stage.pointer is Pointer.GIVEN_UP]
    assert windows
    for stage in windows:
        first = stage.seq
        while not isinstance(events[first], StepCommitted):
            first -= 1
        while isinstance(events[first - 1], StepCancelled):
            first -= 1
        burst = [event for event in events[first : stage.seq + 1] if isinstance(event, StepCancelled)]
        drafted = sum(1 for event in burst if event.role is Role.DRAFT)
        assert (f"{drafted} drafted step" in stage.text) == (drafted > 0)
        assert (f"{len(burst) - drafted} expansion" in stage.text) == (len(burst) > drafted)


def test_each_cycle_shows_the_draft_at_work_once(events: list[Event]) -> None:
    shown = of_kind(stages(events), StageKind.DRAFTING)
    assert len({stage.cycle for stage in shown}) == len(shown) > 1
    for stage in shown:
        assert stage.position is not None
        drafted = fold(events[: stage.seq + 1]).steps[StepKey(stage.position, Role.DRAFT)]
        assert drafted.tokens > 0
        assert drafted.ended is None


def test_a_draft_that_is_too_slow_is_said_to_be(tmp_path: Path) -> None:
    slow = Scene(story=SeededStory(steps=5, tokens_per_step=12, acceptance=1.0), draft_s=0.02)
    found = stages(record(tmp_path, "slow1", scene=slow, settings=LOOKAHEAD.model_copy(update={"lookahead": 1})))
    assert any("when the draft had written" in stage.text for stage in of_kind(found, StageKind.OUTCOME))


def test_a_draft_that_is_away_has_a_stage(tmp_path: Path) -> None:
    away = Scene(story=STORY, draft_failures=dict.fromkeys(range(1, 99), Failure()))
    found = stages(record(tmp_path, "away1", scene=away))
    assert "The draft is away" in of_kind(found, StageKind.ROLE)[0].text
    assert any("the draft is away" in stage.text for stage in of_kind(found, StageKind.OUTCOME))


def test_a_run_that_was_stopped_does_not_claim_to_be_complete(tmp_path: Path) -> None:
    ended = RunFinished(status=RunStatus.STOPPED, reason="stopped")
    assert stages(record(tmp_path, "ended1", ended=ended))[-1].text.startswith("The run stopped")


def test_the_speed_is_predicted_before_it_is_in_the_log_where_it_can_be_compared(events: list[Event]) -> None:
    assert not of_kind(stages(events), StageKind.SPEEDUP)
    *_, asked, end = stages(events, compared=True)
    assert (asked.kind, asked.seq, end.kind) == (StageKind.SPEEDUP, end.seq - 1, StageKind.END)
    assert "tokens/s" in end.text
    assert "tokens/s" not in asked.text


def test_a_run_that_was_stopped_has_no_speed_to_predict(tmp_path: Path) -> None:
    ended = RunFinished(status=RunStatus.STOPPED, reason="stopped")
    assert not of_kind(stages(record(tmp_path, "ended2", ended=ended), compared=True), StageKind.SPEEDUP)


@pytest.mark.parametrize("key", KEYS)
def test_a_lesson_s_run_is_whole_dated_and_belongs_to_its_plain_run(key: str) -> None:
    lessons = Lessons()
    events = lessons.events(key)
    started, ended = events[0], events[-1]
    assert isinstance(started, RunStarted)
    assert started.started_at
    assert started.hardware
    assert isinstance(ended, RunFinished)
    assert ended.status is RunStatus.FINISHED
    alone = lessons.alone(key)
    if alone is not None:
        assert isinstance(alone[0], RunStarted)
        assert alone[0].mode == "autoregressive"
        same = ("prompt", "hardware", "profile")
        assert [getattr(alone[0], name) for name in same] == [getattr(started, name) for name in same]
        raced = started.baseline == alone[0].run  # else it was made with the same servers, of which all counted then
        assert raced or alone[0].fingerprint == started.fingerprint


@pytest.mark.parametrize("key", KEYS)
def test_every_note_of_a_lesson_is_shown(key: str) -> None:
    lesson, shown = Lessons().get(key), {stage.note for stage in Lessons().stages(key)}
    assert {note.text for note in lesson.notes} <= shown
    assert lesson.closing in shown


def test_what_ships_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000


def test_a_lesson_that_does_not_exist_is_named() -> None:
    with pytest.raises(TraceError, match="no lesson 'nothing'"):
        Lessons().events("nothing")


@pytest.mark.parametrize("text", ["lessons: [{key: x}]", "lessons: [", "[]"])
def test_a_broken_index_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(UserError, match=INDEX):
        Lessons(tmp_path)


def test_a_missing_index_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=INDEX):
        Lessons(tmp_path)


def test_a_run_with_token_level_speculation_is_told_by_its_passes(tmp_path: Path) -> None:
    scene = Scene(story=STORY, speculation=SimulatedSpeculation(tokens=4, acceptance=0.6), draft_s=0.05, target_s=0.04)
    plan = LOOKAHEAD.model_copy(update={"mode": Mode.SPECULATIVE})
    events = record(tmp_path, "passes1", scene=scene, settings=plan, said={"speculation": "simulated, 4 tokens"})
    found = stages(events, compared=True)
    assert [(stage.seq, stage.cycle) for stage in found] == sorted((stage.seq, stage.cycle) for stage in found)
    assert "(simulated, 4 tokens)" in found[0].text
    passes = of_kind(found, StageKind.PASS)
    written = [events[stage.seq] for stage in passes]
    assert all(isinstance(event, StepDelta) and event.passes == [event.tokens] for event in written)
    assert {event.tokens for event in written if isinstance(event, StepDelta)} >= {1, 5}
    for stage, event in zip(passes, written, strict=True):
        assert isinstance(event, StepDelta)
        assert event.text.replace("\n", "⏎") in stage.text
    state = fold(events)
    for stage, committed in zip(of_kind(found, StageKind.OUTCOME), state.answer, strict=True):
        step = state.steps[committed.key]
        told = f"{step.tokens} tokens in {len(step.passes)} passes"
        assert told in stage.text or sum(step.passes) != step.tokens
    assert [stage.kind for stage in found[-2:]] == [StageKind.SPEEDUP, StageKind.END]
    assert "draft’s" not in found[-1].text


def test_a_run_whose_server_does_not_tell_passes_has_none_of_them(tmp_path: Path) -> None:
    plan = LOOKAHEAD.model_copy(update={"mode": Mode.SPECULATIVE})
    found = stages(record(tmp_path, "passes2", settings=plan))
    assert not of_kind(found, StageKind.PASS)
    assert len(of_kind(found, StageKind.OUTCOME)) > 3


def test_it_is_told_once_that_the_target_goes_on_behind_its_own_step(tmp_path: Path) -> None:
    scene = Scene(SeededStory(10, 20, acceptance=0.5, identical=0.0, seed=3), verdict_s=0.05)
    events = record(tmp_path, "onward1", scene=scene)
    opened = [event for event in events if isinstance(event, PositionOpened) and event.parent_role is Role.TARGET]
    assert len(opened) > 1
    told = [stage for stage in stages(events) if stage.text.startswith("Writing on:")]
    assert [(stage.kind, stage.position) for stage in told] == [(StageKind.EXPANSION, opened[0].position)]
    assert f"with step {opened[0].step + 1}" in told[0].text
