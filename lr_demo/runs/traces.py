"""Traces on disk: one file of JSON lines per run, readable up to the last whole line whatever ended the program."""

import logging
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from lr_demo.errors import TraceError
from lr_demo.events import Event, RunFinished, RunStarted, RunStatus, from_json_line, to_json_line
from lr_demo.runs.log import EventLog

HOME_VARIABLE = "LOOKAHEAD_LIVE_HOME"
"""Environment variable that names another folder for traces and logs."""
RUN_ID = re.compile(r"[a-z0-9]{4,32}")
ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Those of ids that are made here: none that looks like another."""
ID_LENGTH = 12
CUT_SHORT = "the program ended before this run did: its trace stops here"
"""Reason of a run whose trace has no end."""

IMPORTED = "imported"
"""Folder within that of the traces for those that somebody else made: nothing in it counts as measured here."""

_TAIL_BYTES = 65_536
_logger = logging.getLogger(__name__)


def new_id() -> str:
    """A random id, of a run or a sweep."""
    return "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))


def write_whole(path: Path, content: bytes) -> None:
    """All of it or nothing: a reader never sees a part.

    Raises:
        OSError: it cannot be written.
    """
    beside = path.with_suffix(".part")
    try:
        beside.write_bytes(content)
        beside.chmod(0o600)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def home() -> Path:
    """The user's folder for traces and logs: XDG state, or what the environment variable says."""
    override = os.environ.get(HOME_VARIABLE)
    return Path(override).expanduser() if override else platformdirs.user_state_path("lookahead-live")


@dataclass(frozen=True)
class TraceHeader:
    """What the ends of a trace say, without reading what lies between."""

    run: str
    path: Path
    started: RunStarted
    finished: RunFinished | None
    """None where the program was ended before the run was."""

    @property
    def imported(self) -> bool:
        """True where the trace came from somebody else."""
        return is_imported(self.path)


class TraceWriter:
    """Writes one trace, a line per event, each handed to the operating system at once.

    Nothing here raises: when the disk is full or the folder cannot be written, the run goes on in
    memory and `error` says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: str | None = None
        self._file: int | None = None
        self._whole = 0
        """Bytes of whole lines in the file."""

    def write(self, line: bytes) -> None:
        """Append one line, line break included; the first one makes the file."""
        if self.error is not None:
            return
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
            self._whole += len(line)
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the file; nothing is written after this."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _give_up(self, error: OSError) -> None:
        self.error = (
            f"the trace {self.path} cannot be written ({error.strerror}): the run goes on, but it will be gone "
            "when the program ends; free some space or check the folder's permissions"
        )
        _logger.warning(self.error)
        if self._file is not None:
            try:
                os.ftruncate(self._file, self._whole)
            except OSError:  # then the half line stays, and readers leave it out
                _logger.debug("the half line stays", exc_info=True)
        self.close()


class TraceStore:
    """The folder of traces."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else home() / "traces"
        self._complete: dict[Path, TraceHeader] = {}
        """Headers of finished traces: these files do not change any more."""

    def path(self, run: str) -> Path:
        """Where a run's trace lies or would lie.

        Raises:
            TraceError: this is no run id.
        """
        own, imported = self._own(run), self.imported_path(run)
        return imported if imported.is_file() and not own.is_file() else own

    def imported_path(self, run: str) -> Path:
        """Where a trace that somebody else made lies or would lie.

        Raises:
            TraceError: this is no run id.
        """
        return self.folder / IMPORTED / self._own(run).name

    def writer(self, run: str) -> TraceWriter:
        """A new trace for a run."""
        return TraceWriter(self._own(run))

    def headers(self) -> list[TraceHeader]:
        """All readable traces made here, the newest first; what cannot be read is left out."""
        return self._headers(self.folder)

    def imported_headers(self) -> list[TraceHeader]:
        """All traces that somebody else made, the newest first."""
        return self._headers(self.folder / IMPORTED)

    def _own(self, run: str) -> Path:
        if not RUN_ID.fullmatch(run):
            raise TraceError(f"{run!r} is no run id: it has 4 to 32 small letters and digits")
        return self.folder / f"{run}.jsonl"

    def _headers(self, folder: Path) -> list[TraceHeader]:
        found = []
        for path in folder.glob("*.jsonl") if folder.is_dir() else ():
            header = self._complete.get(path)
            if header is None:
                try:
                    header = read_header(path)
                except TraceError as error:
                    _logger.debug("left out: %s", error)
                    continue
                if header.finished is not None:
                    self._complete[path] = header
            found.append(header)
        return sorted(found, key=lambda header: header.started.began, reverse=True)

    def load(self, run: str) -> EventLog:
        """A recorded run as a complete log. One that was cut short ends as failed, and says so.

        Raises:
            TraceError: there is none of this id, or it cannot be read.
        """
        events = read_trace(self.path(run))
        last = events[-1]
        if not isinstance(last, RunFinished):
            events.append(
                RunFinished(run=run, seq=last.seq + 1, t=last.t, status=RunStatus.FAILED, reason=CUT_SHORT),
            )
        return EventLog.replay(run, events, [to_json_line(event) for event in events])


def is_imported(path: Path) -> bool:
    """Whether a trace lies among those that somebody else made."""
    return path.parent.name == IMPORTED


def read_trace(path: Path) -> list[Event]:
    """The events of a trace, up to its last whole line; at least the first one, a `RunStarted`.

    Raises:
        TraceError: no such file, another schema version, or a line that is no event (file and line are named).
    """
    lines = _read(path).split(b"\n")
    del lines[-1]  # what follows the last line break: nothing, or a line that was not finished
    events: list[Event] = []
    for number, line in enumerate(lines, start=1):
        try:
            event = from_json_line(line)
        except TraceError as error:
            if number == len(lines) > 1:  # the disk kept less than was written
                break
            raise TraceError(f"{path}, line {number}: {error}") from None
        if event.seq != len(events):
            raise TraceError(f"{path}, line {number}: event {event.seq} where {len(events)} should be")
        events.append(event)
    if not events or not isinstance(events[0], RunStarted):
        raise TraceError(f"{path}: this trace does not begin with the start of a run")
    return events


def read_header(path: Path) -> TraceHeader:
    """The start and, where there is one, the end of a trace; reads both ends of the file only.

    Raises:
        TraceError: no such file, another schema version, or no start of a run in it.
    """
    try:
        with path.open("rb") as file:
            first = file.readline()
            file.seek(0, os.SEEK_END)
            file.seek(max(len(first), file.tell() - _TAIL_BYTES))
            tail = file.read()
    except OSError as error:
        raise TraceError(f"the trace {path} cannot be read: {error.strerror}") from None
    if not first.endswith(b"\n"):
        raise TraceError(f"{path}: this trace does not hold one whole event")
    try:
        started = from_json_line(first)
    except TraceError as error:
        raise TraceError(f"{path}, line 1: {error}") from None
    if not isinstance(started, RunStarted):
        raise TraceError(f"{path}: this trace does not begin with the start of a run")
    return TraceHeader(started.run, path, started, _end(tail))


def _end(tail: bytes) -> RunFinished | None:
    last = tail.rstrip(b"\n").rpartition(b"\n")[2]
    if not tail.endswith(b"\n"):
        return None
    try:
        event = from_json_line(last)
    except TraceError:
        return None
    return event if isinstance(event, RunFinished) else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise TraceError(f"there is no trace {path}: the run was not recorded here, or was deleted") from None
    except OSError as error:
        raise TraceError(f"the trace {path} cannot be read: {error.strerror}") from None
