"""SHA-256 of large files, in a thread that stops when nobody waits for it any more."""

import asyncio
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

CHUNK = 2**20
"""Bytes read at once."""

Result = TypeVar("Result")


class Interrupted(Exception):
    """The task that waited for this work was cancelled."""


async def in_thread(work: Callable[[Callable[[], None]], Result]) -> Result:
    """Run blocking `work` in a thread. It gets a check to call often, which raises once this was cancelled."""
    cancelled = threading.Event()

    def check() -> None:
        if cancelled.is_set():
            raise Interrupted

    try:
        return await asyncio.to_thread(work, check)
    finally:
        cancelled.set()


def hash_file(path: Path, check: Callable[[], None]) -> "hashlib._Hash":
    """The SHA-256 state after all of `path`."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            check()
            digest.update(chunk)
    return digest
