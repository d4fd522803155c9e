"""A tiny parent for one model server: when the application goes, however it goes, the server goes.

Run as a script of its own, with the standard library alone:
`python supervisor.py GRACE_SECONDS COMMAND…`. It holds its standard input, a pipe whose other end
only the application has; at its end of file (the application stopped it, or died) every process
below is ended: SIGTERM first, SIGKILL after the grace. When the command ends by itself, whatever
it left behind is killed, and its exit status becomes the supervisor's.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"


def _prctl(option: int, value: int) -> None:
    if _LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Process ids of everything below `pid`, children before grandchildren; empty without /proc."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if _LINUX else []:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue  # it ended while we looked
            children.setdefault(parent, []).append(int(name))
    found, frontier = [], [pid]
    while frontier:
        frontier = [child for parent in frontier for child in children.get(parent, [])]
        found += frontier
    return found


def _signal_all(number: signal.Signals) -> None:
    for pid in descendants(os.getpid()):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _reap() -> dict[int, int]:
    """Exit statuses of the children that ended, orphans that came to us included, by process id."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def _reaped_all() -> bool:
    """Whether no child is left, once those that ended are reaped."""
    _reap()
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _end_everything(wake: int, grace_s: float) -> None:
    """End every process below: ask, wait up to `grace_s` seconds, then kill until none is left."""
    _signal_all(signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while not _reaped_all():
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            _signal_all(signal.SIGKILL)
        if select.select([wake], [], [], max(remaining, 0.1))[0]:
            os.read(wake, 4096)


def supervise(command: Sequence[str], grace_s: float) -> int:
    """Run `command` until it ends or standard input does; nothing of it is left then.

    Returns:
        The command's exit status, 128 + number where a signal ended it; 0 where we ended it.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake, signalled = os.pipe()
    os.set_blocking(signalled, False)
    signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
    asked: list[int] = []
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: asked.append(number))
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
        )
    except OSError as error:
        print(f"{command[0]} cannot be started: {error}", flush=True)
        return 127
    while True:
        readable = select.select([0, wake], [], [])[0]
        if wake in readable:
            os.read(wake, 4096)
        ended = _reap()
        if child.pid in ended:
            _end_everything(wake, 0.0)
            status = ended[child.pid]
            return 128 - status if status < 0 else status
        if asked or (0 in readable and not os.read(0, 4096)):
            _end_everything(wake, grace_s)
            return 0


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[2:], float(sys.argv[1])))
