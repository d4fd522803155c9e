"""The history: order, search, filters, pages, and figures that are those of the whole log."""

from pathlib import Path

import pytest

from lr_demo.config import Mode
from lr_demo.events import RunFinished, RunStatus
from lr_demo.models.story import ScriptedStory
from lr_demo.run_state import fold
from lr_demo.runs.history import PAGE, History, Origin, Search, read_figures
from lr_demo.runs.importing import Importer
from lr_demo.runs.race import RunPhase
from lr_demo.runs.summary import summarize
from lr_demo.runs.traces import TraceStore, read_header, read_trace
from tests.ui.recorded import record, record_race

HERE = "a test machine"


def history(store: TraceStore, *, hardware: str = HERE, running: frozenset[str] = frozenset()) -> History:
    return History(store, hardware, lambda: running, lambda prompt: "41" if "seedlings" in prompt else None)


def found(history: History, **search: object) -> list[str]:
    return [entry.header.run for entry in history.page(Search(**search)).entries]  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> TraceStore:
    """Runs of several kinds, one of them imported."""
    record_race(tmp_path, "race1")
    record(tmp_path, "other1", prompt="A Ferry takes 22 cars", simulated=False, profile="cpu")
    stopped = RunFinished(status=RunStatus.STOPPED, reason="stopped")
    record(tmp_path, "stopped1", prompt="A ferry and a bus", ended=stopped, simulated=False)
    theirs = tmp_path / "theirs"
    record(theirs, "theirs1", prompt="Their problem", simulated=False)
    store = TraceStore(tmp_path)
    Importer(store).take((theirs / "theirs1.jsonl").read_bytes())
    return store


@pytest.mark.parametrize("path", sorted(Path("assets/lessons").glob("*.jsonl")), ids=lambda path: path.stem)
def test_figures_are_those_of_the_whole_log(path: Path) -> None:
    summary, figures = summarize(fold(read_trace(path))), read_figures(read_header(path))
    assert figures.output_tokens == summary.output_tokens
    assert figures.wall_s == summary.wall_s
    assert figures.tokens_per_s == summary.tokens_per_s
    assert (figures.accepted, figures.corrected) == (summary.accepted, summary.corrected)
    assert figures.acceptance_rate == summary.acceptance_rate
    assert figures.final_answer == summary.final_answer


def test_every_run_is_listed_with_where_its_figures_come_from(store: TraceStore) -> None:
    page = history(store).page(Search())
    origins = {entry.header.run: entry.origin for entry in page.entries}
    assert origins == {
        "race1": Origin.SIMULATED,
        "race1b": Origin.SIMULATED,
        "other1": Origin.MEASURED,
        "stopped1": Origin.MEASURED,
        "theirs1": Origin.RECORDED,
    }
    assert (page.found, page.total) == (5, 5)
    assert page.modes == (Mode.AUTOREGRESSIVE, Mode.LOOKAHEAD)
    assert page.profiles == ("cpu", "simulated")


def test_a_run_of_other_hardware_counts_as_recorded(store: TraceStore) -> None:
    assert set(found(history(store, hardware="another"), origin=Origin.RECORDED)) == {"other1", "stopped1", "theirs1"}


def test_runs_are_found_by_words_of_the_prompt_and_by_filters(store: TraceStore) -> None:
    runs = history(store)
    assert set(found(runs, words="FERRY a")) == {"other1", "stopped1"}
    assert found(runs, words="ferry bus") == ["stopped1"]
    assert found(runs, mode=Mode.AUTOREGRESSIVE) == ["race1b"]
    assert found(runs, profile="cpu") == ["other1"]
    assert found(runs, status=RunPhase.STOPPED) == ["stopped1"]
    assert found(runs, origin=Origin.RECORDED) == ["theirs1"]
    assert found(runs, words="ferry", mode=Mode.AUTOREGRESSIVE) == []


def test_the_newest_comes_first_and_pages_follow_one_another(tmp_path: Path) -> None:
    record(tmp_path, "first1")
    content = (tmp_path / "first1.jsonl").read_text()
    for number in range(PAGE + 3):
        run = f"copy{number}"
        later = content.replace("first1", run).replace("2026-11-21T10:00:00", f"2026-11-22T10:{number:02}:00")
        (tmp_path / f"{run}.jsonl").write_text(later)
    runs = history(TraceStore(tmp_path))
    first, second = runs.page(Search()), runs.page(Search(), PAGE)
    names = [entry.header.run for entry in (*first.entries, *second.entries)]
    assert names == [*(f"copy{number}" for number in reversed(range(PAGE + 3))), "first1"]
    assert (len(first.entries), first.found) == (PAGE, PAGE + 4)


def test_speedup_is_that_over_the_run_s_own_baseline(store: TraceStore) -> None:
    entries = {entry.header.run: entry for entry in history(store).page(Search()).entries}
    own, plain = (summarize(fold(read_trace(store.path(run)))) for run in ("race1", "race1b"))
    assert own.tokens_per_s is not None
    assert plain.tokens_per_s is not None
    assert entries["race1"].speedup == pytest.approx(own.tokens_per_s / plain.tokens_per_s)
    assert entries["race1b"].speedup is None
    store.path("race1b").unlink()
    (entry,) = history(store).page(Search(words="seedlings")).entries
    assert entry.speedup is None


def test_a_run_without_an_end_is_running_or_was_cut_short(tmp_path: Path) -> None:
    record(tmp_path, "cut1")
    path = tmp_path / "cut1.jsonl"
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[:-1]) + whole[-1][:10])
    runs = TraceStore(tmp_path)
    (entry,) = history(runs).page(Search()).entries
    assert (entry.status, entry.reason[:25]) == (RunPhase.FAILED, "the program ended before ")
    assert entry.figures is not None
    assert entry.figures.wall_s > 0
    assert found(history(runs, running=frozenset({"cut1"})), status=RunPhase.RUNNING) == ["cut1"]


def test_figures_follow_a_trace_that_grows(tmp_path: Path) -> None:
    record(tmp_path, "grows1")
    path = tmp_path / "grows1.jsonl"
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[: len(whole) // 2]))
    runs = history(TraceStore(tmp_path))
    before = runs.page(Search()).entries[0].figures
    path.write_bytes(b"".join(whole))
    after = runs.page(Search()).entries[0].figures
    assert before is not None
    assert after is not None
    assert before.output_tokens < after.output_tokens == summarize(fold(read_trace(path))).output_tokens


def test_answers_are_right_or_wrong_where_one_is_expected(tmp_path: Path) -> None:
    for run, answer in (("right1", "41"), ("wrong1", "40"), ("none1", "")):
        end = f"So \\boxed{{{answer}}}." if answer else "I do not know."
        story = ScriptedStory(["A step.\n\n", end], ["A step.\n\n", end])
        record(tmp_path, run, story=story, simulated=False)
    record(tmp_path, "unasked1", prompt="Something else?", simulated=False)
    record(tmp_path, "sham1")
    runs = history(TraceStore(tmp_path))
    assert found(runs, correct=True) == ["right1"]
    assert set(found(runs, correct=False)) == {"wrong1", "none1"}
    correct = {entry.header.run: entry.correct for entry in runs.page(Search()).entries}
    assert (correct["unasked1"], correct["sham1"]) == (None, None)


@pytest.mark.parametrize(("answer", "right"), [("Ben", True), ("Ada", False)])
def test_an_answer_without_a_number_is_compared_with_what_the_run_expects(
    tmp_path: Path, answer: str, right: bool
) -> None:
    end = f"So \\boxed{{\\text{{{answer}}}}}."
    story = ScriptedStory(["A step.\n\n", end], ["A step.\n\n", end])
    record(tmp_path, "knight1", story=story, simulated=False, prompt="Who is a knight?", said={"expected": "Ben"})
    (entry,) = history(TraceStore(tmp_path)).page(Search()).entries
    assert entry.correct is right
