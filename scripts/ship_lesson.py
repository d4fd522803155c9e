"""Copy recorded runs into assets/lessons, for the Learn page: `python -m scripts.ship_lesson KEY RUN [--alone RUN]`.

A run is taken from the trace store (or a path) only if nothing in it names this machine or its user.
"""

import argparse
import getpass
import re
import socket
import sys
from pathlib import Path

from lr_demo.errors import TraceError
from lr_demo.events import RunFinished, RunStarted, RunStatus
from lr_demo.runs.traces import TraceStore, read_trace
from lr_demo.ui.lessons import FOLDER

MOST_BYTES = 2_000_000
"""All lessons together."""
PATH = re.compile(
    rb"(?:/(?:home|root|tmp|usr|var|opt|mnt|work|data)/|[A-Z]:\\\\)|https?://|\b\d{1,3}(?:\.\d{1,3}){3}\b"
)


def ship(run: str, name: str) -> str:
    """Copy one run; returns a line that says what it is.

    Raises:
        TraceError: it cannot be read, was not finished, lacks date or hardware, or holds something private.
    """
    path = Path(run) if run.endswith(".jsonl") else TraceStore().path(run)
    events = read_trace(path)
    started, ended = events[0], events[-1]
    if not isinstance(ended, RunFinished) or ended.status is not RunStatus.FINISHED:
        raise TraceError(f"{path}: this run did not finish; choose one that did")
    if not isinstance(started, RunStarted) or not (started.started_at and started.hardware):
        raise TraceError(f"{path}: this run does not say when and on what it ran; record it anew")
    content = path.read_bytes()
    private = [*(word.encode() for word in (socket.gethostname(), getpass.getuser()) if len(word) > 2)]
    for found in [
        *PATH.findall(content),
        *(word for word in private if re.search(rb"\b" + re.escape(word) + rb"\b", content)),
    ]:
        raise TraceError(f"{path}: it holds {found.decode()!r}, which is private to this machine; choose another run")
    (FOLDER / f"{name}.jsonl").write_bytes(content)
    label = "simulated" if started.simulated else "recorded"
    return f"{name}: {label} {started.started_at[:10]}, {started.hardware}, {len(content):,} bytes"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("key", help="name of the lesson in assets/lessons/lessons.yaml")
    parser.add_argument("run", help="run id in the trace store, or path of a .jsonl file")
    parser.add_argument("--alone", metavar="RUN", help="the target's plain run of the same prompt")
    asked = parser.parse_args()
    try:
        print(ship(asked.run, asked.key))
        if asked.alone:
            print(ship(asked.alone, f"{asked.key}.alone"))
    except TraceError as error:
        print(error, file=sys.stderr)
        return 2
    total = sum(path.stat().st_size for path in FOLDER.glob("*.jsonl"))
    print(f"{total:,} bytes in all, at most {MOST_BYTES:,}")
    return 0 if total <= MOST_BYTES else 2


if __name__ == "__main__":
    sys.exit(main())
