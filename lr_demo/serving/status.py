"""What people see of a server while it comes up, runs and fails."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ServerState(StrEnum):
    """Where a server is on its way."""

    WAITING = "waiting"
    FETCHING = "fetching"
    CONVERTING = "converting"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class AddressStatus:
    """One of several addresses of a server that runs already, when it was connected."""

    address: str
    problem: str | None = None
    """Why it is left out, for people; None: it is used."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """A snapshot of one server."""

    name: str
    roles: tuple[str, ...]
    engine: str
    model: str
    state: ServerState = ServerState.WAITING
    detail: str = ""
    """One sentence for people."""
    progress: float | None = None
    """Share of the present state that is done, 0 to 1; None where it cannot be known."""
    log: Path | None = None
    """The log file of its process, where there is one."""
    addresses: tuple[AddressStatus, ...] = ()
    """Where it runs already, once it was asked."""
