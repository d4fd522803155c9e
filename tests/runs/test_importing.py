"""Other people's traces: what is taken in, what is refused and why, and that it never counts as measured here."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lr_demo.config import Mode, RunSettings
from lr_demo.errors import TraceError
from lr_demo.runs import importing, trace_check
from lr_demo.runs.importing import Importer
from lr_demo.runs.manager import RunManager
from lr_demo.runs.traces import CUT_SHORT, TraceStore
from lr_demo.ui.lessons import Lessons
from tests.runs.simulated_profile import quick_profile
from tests.runs.watching import wait
from tests.ui.recorded import PROMPT, record, record_race

Lines = list[dict[str, object]]


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A run that somebody else made."""
    folder = tmp_path_factory.mktemp("theirs")
    record(folder, "theirs1")
    return (folder / "theirs1.jsonl").read_bytes()


@pytest.fixture
def store(tmp_path: Path) -> TraceStore:
    return TraceStore(tmp_path / "traces")


def lines_of(trace: bytes) -> Lines:
    return [json.loads(line) for line in trace.splitlines()]


def written(lines: Lines) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def first_of(lines: Lines, kind: str) -> int:
    return next(i for i, line in enumerate(lines) if line["type"] == kind)


def test_a_trace_is_stored_beside_those_made_here_and_read_like_them(store: TraceStore, trace: bytes) -> None:
    taken = Importer(store).take(trace)
    assert (taken.run, taken.known, taken.renamed, taken.cut_short) == ("theirs1", False, False, False)
    assert store.imported_path("theirs1").read_bytes() == trace
    assert store.load("theirs1").finished is not None
    assert [header.run for header in store.imported_headers()] == ["theirs1"]
    assert store.headers() == []


@pytest.mark.parametrize("lesson", [line.key for line in Lessons().all()])
def test_traces_of_real_runs_are_taken(store: TraceStore, lesson: str) -> None:
    path = next(Path("assets/lessons").glob(f"{lesson}.jsonl"))
    assert Importer(store).take(path.read_bytes()).events == len(Lessons().events(lesson))


def test_the_same_content_is_recognised_whatever_its_spacing(store: TraceStore, trace: bytes) -> None:
    importer = Importer(store)
    importer.take(trace)
    assert importer.take(trace).known
    again = importer.take(written(lines_of(trace)))
    assert (again.known, again.run) == (True, "theirs1")
    assert len(store.imported_headers()) == 1


def test_a_run_made_here_is_recognised_and_not_stored_again(store: TraceStore) -> None:
    record(store.folder, "ours1")
    taken = Importer(store).take(store.path("ours1").read_bytes())
    assert taken.known
    assert store.imported_headers() == []


def test_an_id_that_is_taken_by_other_content_becomes_another_one_and_stays_it(store: TraceStore, trace: bytes) -> None:
    record(store.folder, "theirs1", prompt="Another problem?")
    mine = store.path("theirs1").read_bytes()
    importer = Importer(store)
    taken = importer.take(trace)
    assert taken.renamed
    assert taken.run != "theirs1"
    assert store.path("theirs1").read_bytes() == mine
    log = store.load(taken.run)
    assert {event.run for event in log.events()} == {taken.run}
    again = importer.take(trace)
    assert (again.run, again.known) == (taken.run, True)


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_a_trace_that_was_cut_short_is_taken_and_says_so(store: TraceStore, trace: bytes, cut: int) -> None:
    taken = Importer(store).take(trace[:-cut])
    whole = 1 if cut == 1 else 0  # the last line lacks only its line break
    assert taken.cut_short == (not whole)
    assert taken.events == trace.count(b"\n") - 1 + whole
    finished = store.load(taken.run).finished
    assert finished is not None
    assert (finished.reason == CUT_SHORT) == taken.cut_short


def edit(change: Callable[[Lines], object]) -> Callable[[bytes], bytes]:
    def edited(trace: bytes) -> bytes:
        lines = lines_of(trace)
        change(lines)
        return written(lines)

    return edited


def swap(lines: Lines) -> None:
    lines[4], lines[5] = lines[5], lines[4]


def forget_position(lines: Lines) -> None:
    del lines[first_of(lines, "position_opened")]
    for number, line in enumerate(lines):
        line["seq"] = number


REFUSED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "this file is empty"),
    "no trace": (lambda _: b"dear all\nthis is a letter\n", "line 1: it is not JSON"),
    "a picture": (lambda _: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "line 1: it is not JSON"),
    "other JSON": (lambda _: b'{"a": 1}\n{"a": 2}\n', "line 1: it is no event"),
    "no beginning": (lambda trace: trace.partition(b"\n")[2], "line 1: a trace begins with the start of a run"),
    "garbage inside": (lambda trace: trace.replace(b'"seq":3,', b'"seq":3,,'), "line 4: it is not JSON"),
    "behind the end": (lambda trace: trace + b"more\n", "it is not JSON"),
    "other version": (
        edit(lambda lines: lines[0].update(schema_version=7)),
        r"line 1: this trace has schema version 7, this program reads version 1",
    ),
    "later version of a line": (
        edit(lambda lines: lines[3].update(schema_version=2, tone="new")),
        "line 4: .*schema version 2",
    ),
    "wrong order": (edit(swap), "line 5: event 5 where 4 should be: lines are missing or in the wrong order"),
    "missing": (edit(lambda lines: lines.pop(3)), "line 4: event 4 where 3 should be"),
    "duplicate": (edit(lambda lines: lines.insert(4, lines[3])), "line 5: event 3 is there a second time"),
    "two runs": (lambda trace: trace + trace, "line .*: it comes after the end of the run"),
    "two runs mixed": (edit(lambda lines: lines[5].update(run="other1")), "line 6: it belongs to run 'other1'"),
    "back in time": (edit(lambda lines: lines[-1].update(t=0.0)), "before the event in front of it"),
    "no id": (edit(lambda lines: [line.update(run="../../x") for line in lines]), "is no run id"),
    "no mode": (edit(lambda lines: lines[0].update(mode="magic")), "line 1: 'magic' is no mode"),
    "settings": (
        edit(lambda lines: lines[0].update(settings={"mode": "lookahead", "lookahead": 999})),
        "line 1: the setting lookahead is out of range",
    ),
    "prompt": (edit(lambda lines: lines[0].update(prompt="x" * 50_001)), "its prompt has 50,001 characters"),
    "unknown position": (edit(forget_position), "a step starts at position 0, which was not opened"),
    "no number": (edit(lambda lines: lines[-1].update(t=float("inf"))), "t = 'inf' is no number that can be shown"),
    "absurd number": (
        edit(lambda lines: lines[first_of(lines, "step_delta")].update(tokens=10**400)),
        "is no number that can be shown",
    ),
    "negative": (
        edit(lambda lines: lines[first_of(lines, "step_delta")].update(tokens=-5)),
        "tokens = -5 is negative",
    ),
    "passes": (
        edit(lambda lines: lines[first_of(lines, "step_delta")].update(passes=[1, 10**6])),
        r"its passes wrote 1,000,001 tokens, and it has \d+",
    ),
    "unknown event": (
        edit(lambda lines: lines[first_of(lines, "step_delta")].update(type="step_imagined")),
        "it is a damaged or unknown event, of type 'step_imagined'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_good_trace_is_refused_with_line_and_reason(store: TraceStore, trace: bytes, case: str) -> None:
    damage, reason = REFUSED[case]
    with pytest.raises(TraceError, match=reason):
        Importer(store).take(damage(trace))
    assert store.imported_headers() == []


def test_limits_on_size_and_count_are_said(monkeypatch: pytest.MonkeyPatch, store: TraceStore, trace: bytes) -> None:
    for name, value, reason in (
        ("MOST_BYTES", 1000, r"this file has [\d,]+ bytes; traces of up to 1,000 are taken"),
        ("MOST_EVENTS", 10, "traces of up to 10 events"),
        ("MOST_LINE_BYTES", 50, "line 1: it has .* bytes; up to 50"),
        ("MOST_IMPORTED", 0, "0 imported traces are kept, and no more"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(importing if name == "MOST_IMPORTED" else trace_check, name, value)
            with pytest.raises(TraceError, match=reason):
                Importer(store).take(trace)


@pytest.mark.realtime
def test_an_imported_run_is_never_a_baseline_here(tmp_path: Path) -> None:
    """Even where its header says all that a baseline of this machine would say."""
    with RunManager(quick_profile(), tmp_path / "here", hardware="a test machine") as manager:
        plain = RunSettings(mode=Mode.AUTOREGRESSIVE)
        race = manager.start("two and two", plain)
        wait(race.run)
        wanted = RunSettings(mode=Mode.LOOKAHEAD)
        assert manager.find_baseline("two and two", wanted) is not None
    content = manager.store.path(race.id).read_bytes()
    with RunManager(quick_profile(), tmp_path / "there", hardware="a test machine") as other:
        Importer(other.store).take(content)
        assert other.find_baseline("two and two", wanted) is None
        assert other.get(race.id).imported


def test_an_imported_run_is_compared_with_an_imported_baseline_alone(tmp_path: Path) -> None:
    """Its header may name any id: a run of ours that has it is no baseline of it."""
    theirs = tmp_path / "theirs"
    record_race(theirs, "race1")
    manager = RunManager(quick_profile(), tmp_path / "ours", hardware="a test machine")
    importer = Importer(manager.store)
    importer.take((theirs / "race1.jsonl").read_bytes())
    record(manager.store.folder, "race1b", prompt=PROMPT)
    assert manager.race("race1").baseline is None
    manager.store.path("race1b").unlink()
    importer.take((theirs / "race1b.jsonl").read_bytes())
    assert manager.race("race1").baseline is not None
