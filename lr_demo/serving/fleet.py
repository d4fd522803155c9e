"""All servers of one profile: brought up together, watched, ended together."""

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil

from lr_demo.config import EndpointServer, LlamaCppServer, Profile, ServerConfig, VllmServer
from lr_demo.errors import ServingError, WeightsError
from lr_demo.serving.board import Board
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CATALOGUE, CatalogueEntry
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.hardware import vllm_runs_on_gpu
from lr_demo.serving.models import ModelSource, find_model, prepare_model, prepare_proposer, proposer_of
from lr_demo.serving.placement import check_placement
from lr_demo.serving.readiness import check_addresses
from lr_demo.serving.server import LocalServer
from lr_demo.serving.sources import Source, default_sources
from lr_demo.serving.status import ServerState, ServerStatus
from lr_demo.serving.turns import Turns, memory_need, shared_while_loading
from lr_demo.serving.weights import Weights

EMBEDDER = "embedder"
"""The name under which the embedding model's weights appear among the servers."""
_ON_DEMAND = "starts with the first run that needs it"


class Fleet:
    """The servers of a profile.

    A server `on_demand` starts when it is first asked for (`ensure`); the fleet is ready without it. One
    that dies or hangs is started again within limits (`lr_demo.limits`), then given up: the others go on.

    `statuses`, `endpoint`, `given_up` and `embedder_folder` may be called from any thread; everything else,
    and `on_change`, whenever a status changed enough to be shown again, on the loop that started the fleet.
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
        self._board = Board(profile.name, self._first_statuses(), on_change)
        self._embedder_folder: Path | None = None
        self._runner: asyncio.Task[None] | None = None
        self._living: asyncio.TaskGroup | None = None
        self._local: dict[str, LocalServer] = {}
        """Servers that were started, whatever has become of them."""
        self._turns = Turns({})

    def statuses(self) -> list[ServerStatus]:
        """A snapshot of every server, in the order of the profile."""
        return self._board.statuses()

    def endpoint(self, server: str) -> Endpoint:
        """Where a server of the profile is, or was last, reached.

        Raises:
            ServingError: it was never ready, or is none that can be reached.
        """
        return self._board.endpoint(server)

    def given_up(self, server: str) -> str | None:
        """Why a server of the profile is not there and will not come back by itself; None while it may."""
        return self._board.given_up(server)

    def embedder_folder(self) -> Path | None:
        """The folder of the embedding model, once it is there."""
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
        self._board.withdraw_all()

    async def restart(self, name: str) -> None:
        """End a server's processes, where there are any, and start it anew; returns when it is ready.

        It comes back under its address, unless another program took that meanwhile, with all its restarts
        before it.

        Raises:
            ServingError: it is none of ours, or does not come up again; says why.
        """
        if name in self._local:
            self._local[name].restart()
        else:
            self._begin(name)
        await self._local[name].until_ready()

    async def ensure(self, names: Iterable[str]) -> None:
        """Wait until those of these servers that are started on demand are ready; start those that are not there.

        Calls at the same time share one start, which goes on when one of them is cancelled.

        Raises:
            ServingError: one does not come up; says why. A later call tries again.
            WeightsError: its model is not to be had.
        """
        wanted = []
        for name in dict.fromkeys(names):
            config = self._config(name)
            if isinstance(config, VllmServer | LlamaCppServer) and config.on_demand:
                wanted.append(name)
        for name in wanted:
            if name not in self._local:
                self._begin(name)
            elif self._local[name].given_up:
                self._local[name].restart()
        for name in wanted:
            await self._local[name].until_ready()

    def _config(self, name: str) -> ServerConfig:
        if name not in self._profile.servers:
            raise ServingError(f"profile {self._profile.name} has no server {name!r}")
        return self._profile.servers[name]

    def _begin(self, name: str) -> None:
        """Start a server of ours that was not started before."""
        config = self._config(name)
        if not isinstance(config, VllmServer | LlamaCppServer):
            raise ServingError(f"the server {name} is not one that this program starts ({config.engine})")
        if self._living is None:
            raise ServingError(
                f"the server {name} cannot start: the fleet of profile {self._profile.name} is not up; start the "
                "application again, or choose another profile"
            )
        server = self._local[name] = self._local_server(name, config, find_model(config))
        self._living.create_task(server.live())

    async def _run(self, ready: asyncio.Future[None]) -> None:
        """The fleet's life, until cancelled; `ready` tells whether everything came up."""
        try:
            check_placement(self._profile)
            local = {
                name: config
                for name, config in self._profile.servers.items()
                if isinstance(config, VllmServer | LlamaCppServer)
            }
            at_once = {name: find_model(config) for name, config in local.items() if not config.on_demand}
            await self._fetch_weights(at_once)
            self._turns = Turns(self._share_out(local, at_once))
            async with asyncio.TaskGroup() as self._living:
                for name in at_once:
                    self._begin(name)
                async with asyncio.TaskGroup() as coming_up:
                    for server in self._local.values():
                        coming_up.create_task(server.until_ready())
                    for name, config in self._profile.servers.items():
                        if isinstance(config, EndpointServer):
                            coming_up.create_task(self._connect(name, config))
                if not ready.done():
                    ready.set_result(None)
                await asyncio.get_running_loop().create_future()  # until cancelled
        except* Exception as failures:
            if ready.done():
                raise
            ready.set_exception(_first(failures))
        finally:
            self._living = None
            if not ready.done():
                ready.set_exception(ServingError(f"the fleet of {self._profile.name} was stopped while it came up"))

    def _share_out(
        self, local: dict[str, VllmServer | LlamaCppServer], at_once: dict[str, ModelSource]
    ) -> dict[str, frozenset[str]]:
        """What each server needs for itself while it loads. One on demand starts beside the others, in what is left."""
        needs = {name: memory_need(config, at_once[name]) if name in at_once else 0 for name, config in local.items()}
        return shared_while_loading(local, needs, psutil.virtual_memory().available, vllm_runs_on_gpu())

    async def _fetch_weights(self, sources: dict[str, ModelSource]) -> None:
        """The files of these servers' models and of the embedding model, side by side."""
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

    def _proposer(self, server: str) -> ModelSource | None:
        """The model that proposes a server's tokens, where one does."""
        config = self._profile.servers[server]
        proposer = proposer_of(config) if isinstance(config, VllmServer | LlamaCppServer) else None
        return find_model(proposer) if proposer is not None else None

    def _local_server(self, name: str, config: VllmServer | LlamaCppServer, source: ModelSource) -> LocalServer:
        def waits(thing: str) -> None:
            self._board.update(name, ServerState.WAITING, f"waits until no other server loads ({thing})")

        return LocalServer(
            name,
            config,
            source,
            self._cache,
            partial(self._prepare, name, config, source),
            partial(self._turns.of, name, waits),
            partial(self._board.update, name),
            partial(self._board.publish, name),
        )

    async def _prepare(
        self, name: str, config: VllmServer | LlamaCppServer, source: ModelSource
    ) -> tuple[str, VllmServer | LlamaCppServer]:
        """The model of a server as its engine reads it, and its configuration with every model so."""
        if config.on_demand:
            for needed in (source, self._proposer(name)):
                if isinstance(needed, CatalogueEntry):
                    await self._fetch(needed, [name])

        def report(share: float | None, sentence: str, /) -> None:
            self._board.update(name, ServerState.CONVERTING, sentence, share)

        model = await prepare_model(config, source, self._cache, self._weights, report)
        return model, await prepare_proposer(config, self._cache, self._weights, report)

    async def _fetch(self, entry: CatalogueEntry, names: list[str]) -> None:
        def report(share: float | None, sentence: str, /) -> None:
            for name in names:
                self._board.update(name, ServerState.FETCHING, sentence, share)

        try:
            folder = await self._weights.ensure(entry, report)
        except WeightsError as error:
            for name in names:
                self._board.update(name, ServerState.FAILED, str(error))
            raise
        for name in names:
            self._board.update(name, ServerState.WAITING, "its weights are there")
        if EMBEDDER in names:
            self._embedder_folder = folder
            self._board.update(EMBEDDER, ServerState.READY, f"its weights are in {folder}", 1.0)

    async def _connect(self, name: str, config: EndpointServer) -> None:
        """Make sure a server that runs already answers."""
        self._board.update(name, ServerState.LOADING, f"asking {' and '.join(config.addresses)} for a token")
        try:
            key = "none"
            if config.api_key_env is not None:
                if not (found := os.environ.get(config.api_key_env)):
                    raise ServingError(
                        f"server {name} needs a key: set the environment variable {config.api_key_env}, "
                        "which its profile names"
                    )
                key = found
            first, *others = config.addresses
            endpoint = Endpoint(
                first, config.dialect, config.model, config.model, config.vocabulary, config.family, key, tuple(others)
            )
            addresses = await check_addresses(endpoint)
            self._board.connected(name, addresses)
            answering = [asked.address for asked in addresses if asked.problem is None]
            problems = [asked.problem for asked in addresses if asked.problem is not None]
            if not answering:
                raise ServingError("; ".join(problems))
        except ServingError as error:
            self._board.update(name, ServerState.FAILED, str(error))
            raise
        self._board.publish(name, replace(endpoint, base_url=answering[0], replicas=tuple(answering[1:])))
        left_out = "".join(f"; left out until the next start: {problem}" for problem in problems)
        self._board.update(name, ServerState.READY, f"serving at {' and '.join(answering)}{left_out}", 1.0)

    def _embedder_entry(self, name: str) -> CatalogueEntry:
        entry = CATALOGUE.get(name)
        if entry is None or entry.kind != "embedder":
            known = ", ".join(known for known, entry in CATALOGUE.items() if entry.kind == "embedder")
            raise WeightsError(f"there is no embedding model {name!r} (key embedder of the profile): choose {known}")
        return entry

    def _first_statuses(self) -> list[ServerStatus]:
        statuses = []
        for name, config in self._profile.servers.items():
            roles = tuple(role for role, server in self._profile.roles.model_dump().items() if server == name)
            status = ServerStatus(name, roles, config.engine, config.model)
            if config.engine == "simulated":
                status = replace(status, state=ServerState.READY, detail="simulated: no model is loaded", progress=1.0)
            elif config.engine != "endpoint" and config.on_demand:
                status = replace(status, detail=_ON_DEMAND)
            statuses.append(status)
        if self._profile.embedder is not None:
            statuses.append(ServerStatus(EMBEDDER, (EMBEDDER,), "transformers", self._profile.embedder))
        return statuses


def _first(failures: ExceptionGroup[Exception]) -> Exception:
    """The first of the errors, however deep they are nested."""
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
