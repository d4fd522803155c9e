"""Traces: what is on disk after a run, after a crash, on a full disk, and from another release."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lr_demo.errors import TraceError
from lr_demo.events import RunFinished, RunStarted, RunStatus, to_json_line
from lr_demo.runs.log import EventLog
from lr_demo.runs.traces import CUT_SHORT, TraceStore, TraceWriter, home, read_header, read_trace
from tests.runs.events_of_a_run import delta, finished, started


def record(store: TraceStore, run: str, deltas: int = 3, end: bool = True) -> Path:
    writer = store.writer(run)
    log = EventLog(run, sink=writer)
    log.append(started())
    for number in range(deltas):
        log.append(delta(number))
    if end:
        log.append(finished())
    writer.close()
    return writer.path


def test_a_trace_is_the_log_again(tmp_path: Path) -> None:
    store = TraceStore(tmp_path / "deep" / "folder")
    writer = store.writer("abcd")
    log = EventLog("abcd", sink=writer)
    log.append(started())
    log.append(delta(1))
    log.append(finished())
    again = store.load("abcd")
    assert again.events() == log.events()
    assert again.lines() == log.lines()
    assert again.finished == log.finished


def test_every_event_is_on_disk_as_soon_as_it_was_appended(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "abcd.jsonl")
    log = EventLog("abcd", sink=writer)
    log.append(started())
    for number in range(4):
        log.append(delta(number))
        assert len(read_trace(writer.path)) == number + 2
    log.append(finished())


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_trace_that_was_cut_anywhere_is_read_up_to_its_last_whole_line(tmp_path: Path, cut: int) -> None:
    store = TraceStore(tmp_path)
    path = record(store, "abcd")
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    events = read_trace(path)
    assert [event.seq for event in events] == list(range(whole[:-cut].count(b"\n")))
    log = store.load("abcd")
    assert log.finished is not None
    assert (log.finished.status, log.finished.reason) == (RunStatus.FAILED, CUT_SHORT)
    assert read_header(path).finished is None


def test_a_last_line_of_zeros_as_a_crash_of_the_machine_leaves_is_left_out(tmp_path: Path) -> None:
    path = record(TraceStore(tmp_path), "abcd")
    with path.open("ab") as file:
        file.write(b"\0" * 100 + b"\n")
    assert len(read_trace(path)) == 5


def test_an_unknown_schema_version_is_refused_with_file_and_version(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    path = record(store, "abcd")
    first, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(json.dumps({**json.loads(first), "schema_version": 7}).encode() + b"\n" + rest)
    with pytest.raises(TraceError, match=r"abcd\.jsonl, line 1: .*schema version 7.*version 1"):
        store.load("abcd")
    with pytest.raises(TraceError, match="schema version 7"):
        read_header(path)
    assert store.headers() == []


def test_damage_in_the_middle_is_named_by_line(tmp_path: Path) -> None:
    path = record(TraceStore(tmp_path), "abcd")
    lines = path.read_bytes().split(b"\n")
    lines[2] = b'{"type":"step_delta"}'
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(TraceError, match=r"abcd\.jsonl, line 3"):
        read_trace(path)


def test_a_missing_line_is_noticed(tmp_path: Path) -> None:
    path = record(TraceStore(tmp_path), "abcd")
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(lines[:2] + lines[3:]))
    with pytest.raises(TraceError, match="line 3: event 3 where 2 should be"):
        read_trace(path)


@pytest.mark.parametrize("content", [b"", b"no line break", to_json_line(delta(0)).encode() + b"\n"])
def test_what_does_not_begin_with_a_run_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "abcd.jsonl"
    path.write_bytes(content)
    with pytest.raises(TraceError, match="abcd"):
        read_trace(path)
    with pytest.raises(TraceError, match="abcd"):
        read_header(path)


def test_traces_are_listed_with_their_ends(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    record(store, "finished1")
    record(store, "unfinished", end=False)
    (tmp_path / "damaged1.jsonl").write_text("{")
    (tmp_path / "notes.txt").write_text("mine")
    found = {header.run: header.finished for header in store.headers()}
    assert set(found) == {"finished1", "unfinished"}
    assert isinstance(found["finished1"], RunFinished)
    assert found["unfinished"] is None
    with (tmp_path / "unfinished.jsonl").open("a") as file:
        end = finished()
        end.run, end.seq = "unfinished", 4
        file.write(to_json_line(end) + "\n")
    assert {header.run for header in store.headers() if header.finished} == {"finished1", "unfinished"}


@pytest.mark.parametrize("run", ["../../etc/passwd", "", "A", "a/b", "abcd.jsonl", "a" * 33])
def test_only_run_ids_name_traces(tmp_path: Path, run: str) -> None:
    with pytest.raises(TraceError, match="no run id"):
        TraceStore(tmp_path).load(run)


def test_a_trace_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"there is no trace .*gone\.jsonl"):
        TraceStore(tmp_path).load("gone")


def test_where_the_folder_cannot_be_made_the_run_goes_on_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    writer = TraceWriter(tmp_path / "file" / "abcd.jsonl")
    log = EventLog("abcd", sink=writer)
    log.append(started())
    log.append(finished())
    assert len(log) == 2
    assert log.trace_error is not None
    assert "the run goes on" in log.trace_error


def test_a_full_disk_costs_the_trace_and_not_the_run(tmp_path: Path) -> None:
    """The limit on file sizes stands for the full disk: writing fails in the middle of a line."""
    path = tmp_path / "abcd.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        log = EventLog("abcd", sink=TraceWriter(path))
        log.append(started())
        for number in range(100):
            log.append(delta(number))
        log.append(finished())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert len(log) == 102
    assert log.trace_error is not None
    assert str(path) in log.trace_error
    assert path.read_bytes().endswith(b"\n")  # no half line stays
    assert 2 < len(read_trace(path)) < 102


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "here"))
    assert home() == tmp_path / "here"
    assert TraceStore().folder == tmp_path / "here" / "traces"
    monkeypatch.delenv("LOOKAHEAD_LIVE_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert home() == tmp_path / "state" / "lookahead-live"


WRITES_FOREVER = """
import itertools, sys
from pathlib import Path
from lr_demo.runs.log import EventLog
from lr_demo.runs.traces import TraceStore
from tests.runs.events_of_a_run import delta, started

log = EventLog("abcd", sink=TraceStore(Path(sys.argv[1])).writer("abcd"))
log.append(started())
for number in itertools.count():
    log.append(delta(number))
    if number == 500:
        print("writing", flush=True)
"""


@pytest.mark.realtime
def test_killed_at_any_moment_the_trace_is_readable_up_to_the_last_whole_event(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_FOREVER, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "."},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.kill()
    events = read_trace(tmp_path / "abcd.jsonl")
    assert isinstance(events[0], RunStarted)
    assert len(events) > 500
    log = TraceStore(tmp_path).load("abcd")
    assert log.finished is not None
    assert log.finished.reason == CUT_SHORT
