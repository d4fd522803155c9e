"""The logs of servers: their last lines, and what is added; always a bounded piece, as plain text."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lr_demo.errors import LookaheadError

MOST_LINES = 400
"""Of one part."""
LONGEST_LINE = 2_000
"""Characters; the rest of a longer line is cut off."""
INTERVAL_S = 0.5
"""How often a log that somebody reads is looked at."""
_MOST_BYTES = 256 * 1024
_BREAKS = re.compile(r"[\r\n]+")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True)
class LogPart:
    """Lines of a log, one after the other."""

    lines: tuple[str, ...]
    end: int
    """Where the next part begins, in bytes from the beginning of the file."""
    skipped: bool
    """True where lines before these were left out."""
    fresh: bool = False
    """True where a log begins: the lines before these belong to another one."""


def read_log(log: Path, begin: int | None = None) -> LogPart:
    """The last lines, or those after byte `begin`; a last line that is still being written is left to the next part.

    A log that cannot be read any more has no lines.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0 if begin is None else min(begin, size), size - _MOST_BYTES)
            file.seek(start)
            data = file.read(_MOST_BYTES)
    except OSError:
        return LogPart((), begin or 0, False)
    whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    lines = [_plain(line) for line in _BREAKS.split(data[:whole].decode(errors="replace"))]
    lines = [line for line in lines if line]
    if start > (begin or 0) and lines:
        del lines[0]  # cut at its beginning
    skipped = start > (begin or 0) or len(lines) > MOST_LINES
    return LogPart(tuple(lines[-MOST_LINES:]), start + whole, skipped)


async def follow_log(current: Callable[[], Path], interval_s: float = INTERVAL_S) -> AsyncGenerator[LogPart, None]:
    """The last lines of a log, then what is added. Ends when `current`, which says where the log is now, raises.

    A server that is started again goes on in another file.
    """
    log: Path | None = None
    end = 0
    with suppress(LookaheadError):
        while True:
            fresh = (now := current()) != log
            part = await asyncio.to_thread(read_log, now, None if fresh else end)
            if fresh or part.lines:
                yield replace(part, fresh=fresh)
            log, end = now, part.end
            await asyncio.sleep(interval_s)  # what writes the file may be anything: there is nothing to wait for


def _plain(line: str) -> str:
    """A line without the terminal's colours and without what would never end."""
    return _COLOURS.sub("", line).rstrip()[:LONGEST_LINE]
