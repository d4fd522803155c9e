"""What is known of every server of a fleet at one moment: status and address. Safe to read from any thread."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from lr_demo.errors import ServingError
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.status import AddressStatus, ServerState, ServerStatus


class Board:
    """Statuses and endpoints of servers; `on_change` is called whenever a status changed enough to be shown again."""

    def __init__(self, profile: str, statuses: Iterable[ServerStatus], on_change: Callable[[], None]) -> None:
        self._profile = profile
        self._on_change = on_change
        self._lock = threading.Lock()
        self._statuses = {status.name: status for status in statuses}
        self._endpoints: dict[str, Endpoint] = {}

    def statuses(self) -> list[ServerStatus]:
        """A snapshot of every server, in the order of the profile."""
        with self._lock:
            return list(self._statuses.values())

    def endpoint(self, server: str) -> Endpoint:
        """Where a server is, or was last, reached.

        Raises:
            ServingError: it was never ready, or is none that can be reached.
        """
        with self._lock:
            endpoint, status = self._endpoints.get(server), self._statuses.get(server)
        if endpoint is not None:
            return endpoint
        if status is None:
            raise ServingError(f"profile {self._profile} has no server {server!r}")
        raise ServingError(f"the server {server} is not ready: {status.state}. {status.detail}".rstrip())

    def given_up(self, server: str) -> str | None:
        """Why a server is not there and will not come back by itself; None while it may."""
        with self._lock:
            status = self._statuses[server]
        return status.detail if status.state in (ServerState.FAILED, ServerState.STOPPED) else None

    def publish(self, server: str, endpoint: Endpoint) -> None:
        with self._lock:
            self._endpoints[server] = endpoint

    def connected(self, server: str, addresses: Iterable[AddressStatus]) -> None:
        """Each address of a server that runs already was asked; `update` tells people."""
        with self._lock:
            self._statuses[server] = replace(self._statuses[server], addresses=tuple(addresses))

    def withdraw_all(self) -> None:
        """No server is reached any more; one that failed keeps saying why."""
        with self._lock:
            self._endpoints.clear()
        for name, status in self._statuses.items():
            if status.state is not ServerState.FAILED:
                self.update(name, ServerState.STOPPED, "stopped")

    def update(
        self, name: str, state: ServerState, detail: str, progress: float | None = None, log: Path | None = None
    ) -> None:
        """Take news of a server; people hear of it unless only a fraction of a percent changed."""
        with self._lock:
            old = self._statuses[name]
            new = replace(old, state=state, detail=detail, progress=progress, log=log or old.log)
            self._statuses[name] = new
        if old.state is not new.state or _percent(old) != _percent(new) or progress is None or old.detail != detail:
            self._on_change()


def _percent(status: ServerStatus) -> int | None:
    return None if status.progress is None else int(100 * status.progress)
