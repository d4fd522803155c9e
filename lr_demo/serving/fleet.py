"""All servers of one profile: brought up together, watched, ended together."""

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from lr_demo.config import EndpointServer, LlamaCppServer, Profile, VllmServer
from lr_demo.errors import LookaheadError, ServingError, WeightsError
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CATALOGUE, CatalogueEntry
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.models import ModelSource, find_model, proposer_of
from lr_demo.serving.placement import check_placement
from lr_demo.serving.readiness import check_replicas
from lr_demo.serving.server import LocalServer
from lr_demo.serving.sources import Source, default_sources
from lr_demo.serving.status import ServerState, ServerStatus
from lr_demo.serving.turns import LoadingTurns
from lr_demo.serving.weights import Weights

EMBEDDER = "embedder"
"""The name under which the embedding model's weights appear among the servers."""


class Fleet:
    """The servers of a profile.

    `statuses`, `endpoint` and `embedder_folder` may be called from any thread; `on_change` is called on
    the loop that started the fleet, whenever a status changed enough to be shown again.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        cache: Path | None = None,
        on_change: Callable[[], None] = lambda: None,
        sources: tuple[Source, ...] | None = None,
    ) -> None:
        self._profile = profile
        self._cache = Cache(cache) if cache else Cache.default()
        self._weights = Weights(self._cache, default_sources() if sources is None else sources)
        self._on_change = on_change
        self._turns = LoadingTurns()
        self._lock = threading.Lock()
        self._endpoints: dict[str, Endpoint] = {}
        self._embedder_folder: Path | None = None
        self._runner: asyncio.Task[None] | None = None
        self._statuses = self._first_statuses()

    def statuses(self) -> list[ServerStatus]:
        """A snapshot of every server, in the order of the profile."""
        with self._lock:
            return list(self._statuses.values())

    def endpoint(self, server: str) -> Endpoint:
        """Where a server of the profile is reached.

        Raises:
            ServingError: it is not ready, or is none that can be reached.
        """
        with self._lock:
            endpoint, status = self._endpoints.get(server), self._statuses.get(server)
        if endpoint is not None:
            return endpoint
        if status is None:
            raise ServingError(f"profile {self._profile.name} has no server {server!r}")
        raise ServingError(f"the server {server} is not ready: {status.state}. {status.detail}".rstrip())

    def embedder_folder(self) -> Path | None:
        """The folder of the embedding model, once it is there."""
        with self._lock:
            return self._embedder_folder

    async def start(self) -> None:
        """Bring every server up: all weights first, then conversion and loading side by side.

        When it fails or is cancelled, everything is ended again before it raises.

        Raises:
            WeightsError: a model is not to be had, wrong, or there is no room for it.
            ServingError: a server does not come up, or the fleet runs already.
        """
        if self._runner is not None:
            raise ServingError(f"the fleet of profile {self._profile.name} was started before: make a new one")
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._runner = asyncio.create_task(self._run(ready))
        try:
            await ready
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End every server; nothing of them is left. Harmless when there is nothing to end."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        with self._lock:
            self._endpoints.clear()
        for name, status in self._statuses.items():
            if status.state is not ServerState.FAILED:
                self._update(name, ServerState.STOPPED, "stopped", None, status.log)

    async def _run(self, ready: asyncio.Future[None]) -> None:
        """The fleet's life, until cancelled; `ready` tells whether everything came up."""
        try:
            check_placement(self._profile)
            servers = await self._fetch_weights()
            async with asyncio.TaskGroup() as living:
                for name, server in servers.items():
                    living.create_task(self._host(name, server))
                async with asyncio.TaskGroup() as coming_up:
                    for server in servers.values():
                        coming_up.create_task(server.ready.wait())
                    for name, config in self._profile.servers.items():
                        if isinstance(config, EndpointServer):
                            coming_up.create_task(self._connect(name, config))
                if not ready.done():
                    ready.set_result(None)
        except* Exception as failures:
            if ready.done():
                raise
            ready.set_exception(_first(failures))
        finally:
            if not ready.done():
                ready.set_exception(ServingError(f"the fleet of {self._profile.name} was stopped while it came up"))

    async def _fetch_weights(self) -> dict[str, LocalServer]:
        """Every model's files, side by side; the servers that can then be started."""
        sources = {
            name: find_model(config)
            for name, config in self._profile.servers.items()
            if isinstance(config, VllmServer | LlamaCppServer)
        }
        wanted: dict[str, list[str]] = {}
        for name, source in sources.items():
            for needed in (source, self._proposer(name)):
                if isinstance(needed, CatalogueEntry):
                    wanted.setdefault(needed.name, []).append(name)
        if self._profile.embedder is not None:
            wanted.setdefault(self._embedder_entry(self._profile.embedder).name, []).append(EMBEDDER)
        async with asyncio.TaskGroup() as fetching:
            for model, names in wanted.items():
                fetching.create_task(self._fetch(CATALOGUE[model], names))
        return {name: self._local_server(name, source) for name, source in sources.items()}

    def _proposer(self, server: str) -> ModelSource | None:
        """The model that proposes a server's tokens, where one does."""
        config = self._profile.servers[server]
        proposer = proposer_of(config) if isinstance(config, VllmServer | LlamaCppServer) else None
        return find_model(proposer) if proposer is not None else None

    def _local_server(self, name: str, source: ModelSource) -> LocalServer:
        config = self._profile.servers[name]
        assert isinstance(config, VllmServer | LlamaCppServer)
        update, publish = partial(self._update, name), partial(self._publish, name)
        return LocalServer(name, config, source, self._cache, self._weights, update, publish, self._turns)

    async def _fetch(self, entry: CatalogueEntry, names: list[str]) -> None:
        def report(share: float | None, sentence: str, /) -> None:
            for name in names:
                self._update(name, ServerState.FETCHING, sentence, share)

        try:
            folder = await self._weights.ensure(entry, report)
        except WeightsError as error:
            for name in names:
                self._update(name, ServerState.FAILED, str(error))
            raise
        for name in names:
            self._update(name, ServerState.WAITING, "its weights are there")
        if EMBEDDER in names:
            with self._lock:
                self._embedder_folder = folder
            self._update(EMBEDDER, ServerState.READY, f"its weights are in {folder}", 1.0)

    async def _host(self, name: str, server: LocalServer) -> None:
        """Let a server live; when it cannot, say so."""
        try:
            await server.live()
        except LookaheadError as error:
            self._update(name, ServerState.FAILED, str(error))
            raise

    def _publish(self, name: str, endpoint: Endpoint) -> None:
        with self._lock:
            self._endpoints[name] = endpoint

    async def _connect(self, name: str, config: EndpointServer) -> None:
        """Make sure a server that runs already answers."""
        self._update(name, ServerState.LOADING, f"asking {' and '.join(config.addresses)} for a token")
        try:
            key = "none"
            if config.api_key_env is not None:
                if not (found := os.environ.get(config.api_key_env)):
                    raise ServingError(
                        f"server {name} needs a key: set the environment variable {config.api_key_env}, "
                        "which its profile names"
                    )
                key = found
            endpoint = Endpoint(
                config.addresses[0], config.dialect, config.model, config.model, config.vocabulary, config.family, key
            )
            endpoint, problems = await check_replicas(endpoint, config.addresses)
        except ServingError as error:
            self._update(name, ServerState.FAILED, str(error))
            raise
        self._publish(name, endpoint)
        answering = " and ".join((endpoint.base_url, *endpoint.replicas))
        left_out = "".join(f"; left out until the next start: {problem}" for problem in problems)
        self._update(name, ServerState.READY, f"serving at {answering}{left_out}", 1.0)

    def _embedder_entry(self, name: str) -> CatalogueEntry:
        entry = CATALOGUE.get(name)
        if entry is None or entry.kind != "embedder":
            known = ", ".join(known for known, entry in CATALOGUE.items() if entry.kind == "embedder")
            raise WeightsError(f"there is no embedding model {name!r} (key embedder of the profile): choose {known}")
        return entry

    def _first_statuses(self) -> dict[str, ServerStatus]:
        statuses = {}
        for name, config in self._profile.servers.items():
            roles = tuple(role for role, server in self._profile.roles.model_dump().items() if server == name)
            status = ServerStatus(name, roles, config.engine, config.model)
            if config.engine == "simulated":
                status = replace(status, state=ServerState.READY, detail="simulated: no model is loaded", progress=1.0)
            statuses[name] = status
        if self._profile.embedder is not None:
            statuses[EMBEDDER] = ServerStatus(EMBEDDER, (EMBEDDER,), "transformers", self._profile.embedder)
        return statuses

    def _update(
        self, name: str, state: ServerState, detail: str, progress: float | None = None, log: Path | None = None
    ) -> None:
        """Take news of a server; people hear of it unless only a fraction of a percent changed."""
        with self._lock:
            old = self._statuses[name]
            new = replace(old, state=state, detail=detail, progress=progress, log=log or old.log)
            self._statuses[name] = new
        if old.state is not new.state or _percent(old) != _percent(new) or progress is None:
            self._on_change()


def _percent(status: ServerStatus) -> int | None:
    return None if status.progress is None else int(100 * status.progress)


def _first(failures: ExceptionGroup[Exception]) -> Exception:
    """The first of the errors, however deep they are nested."""
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
