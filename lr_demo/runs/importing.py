"""Takes in traces that somebody else made, beside those made here: under an id of their own, and each only once."""

import hashlib
import threading
from dataclasses import dataclass

from lr_demo.errors import TraceError
from lr_demo.events import Event, RunFinished, RunStarted, to_json_line
from lr_demo.runs.trace_check import check_trace
from lr_demo.runs.traces import ID_LENGTH, ID_LETTERS, IMPORTED, TraceStore, write_whole

MOST_IMPORTED = 1_000
"""Most imported traces that are kept at a time."""


@dataclass(frozen=True)
class Imported:
    """A trace that was taken in."""

    run: str
    """The id it has here."""
    started: RunStarted
    events: int
    cut_short: bool
    """True where the file ended before the run did."""
    known: bool
    """True where the same run was here already: nothing was stored."""
    renamed: bool
    """True where another run has its id, so that it has a new one here."""


class Importer:
    """Stores other people's traces beside those made here. Safe to use from several threads."""

    def __init__(self, store: TraceStore) -> None:
        self._store = store
        self._lock = threading.Lock()

    def take(self, content: bytes) -> Imported:
        """Check a trace and store it, unless the same one is here.

        Raises:
            TraceError: it is none, or is damaged; says in which line and how. Nothing is stored.
        """
        events = check_trace(content)
        started = events[0]
        assert isinstance(started, RunStarted), "what was checked begins with the start of a run"
        cut_short = not isinstance(events[-1], RunFinished)
        with self._lock:
            for run in (started.run, _id_of(events)):
                lines = _renamed(events, run)
                known = self._same(run, lines)
                if known is None:
                    self._write(run, lines)
                if known is not False:
                    return Imported(run, started, len(events), cut_short, known is True, run != started.run)
        raise TraceError(f"the run {started.run} cannot be stored: its id and the one made for it are taken by others")

    def _same(self, run: str, lines: list[str]) -> bool | None:
        """Whether the run of this id is the same; None where there is none."""
        path = self._store.path(run)
        try:
            whole, line_break, _ = path.read_bytes().rpartition(b"\n")
            return whole + line_break == _content(lines)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TraceError(f"the trace {path} cannot be read: {error.strerror}") from None

    def _write(self, run: str, lines: list[str]) -> None:
        path = self._store.imported_path(run)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if sum(1 for _ in path.parent.glob("*.jsonl")) >= MOST_IMPORTED:
                raise TraceError(
                    f"{MOST_IMPORTED:,} imported traces are kept, and no more: delete some in the folder {IMPORTED} "
                    "of the traces"
                )
            write_whole(path, _content(lines))
        except OSError as error:
            raise TraceError(f"the trace {path} cannot be written: {error.strerror}") from None


def _id_of(events: list[Event]) -> str:
    """An id that stands for the content: the same for the same events, whoever brings them."""
    digest = hashlib.blake2b(_content(_renamed(events, "")), digest_size=ID_LENGTH).digest()
    return "".join(ID_LETTERS[byte % len(ID_LETTERS)] for byte in digest)


def _renamed(events: list[Event], run: str) -> list[str]:
    """The lines of the trace under another id, as this program writes them."""
    return [to_json_line(event.model_copy(update={"run": run})) for event in events]


def _content(lines: list[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()
