"""The life of one model server: model prepared, process started, ready, watched, started again within limits."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from lr_demo.config import LlamaCppServer, VllmServer
from lr_demo.errors import ServingError
from lr_demo.serving import processes
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CatalogueEntry
from lr_demo.serving.diagnosis import PORT_IN_USE, likely_reason, obituary
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.launch import HOST, Launch, launch_llama_cpp
from lr_demo.serving.launch_vllm import gpus_of, launch_vllm
from lr_demo.serving.models import ModelSource, prepare_model, prepare_proposer, proposer_file
from lr_demo.serving.readiness import check_completion
from lr_demo.serving.status import ServerState
from lr_demo.serving.turns import LoadingTurns
from lr_demo.serving.weights import Weights

RESTARTS = 2
"""How often a server that dies is started again …"""
RESTART_WINDOW_S = 600.0
"""… within so many seconds."""
_PORTS_TRIED = 3
_DEATH_NOTICE_S = 1.0
"""How long after a failed request the news of a death may come."""

Update = Callable[[ServerState, str, float | None, Path | None], None]
"""Called with state, a sentence, the share done, and the log."""


class LocalServer:
    """A server of ours on loopback."""

    def __init__(
        self,
        name: str,
        config: VllmServer | LlamaCppServer,
        source: ModelSource,
        cache: Cache,
        weights: Weights,
        update: Update,
        publish: Callable[[Endpoint], None],
        turns: LoadingTurns,
    ) -> None:
        self.ready = asyncio.Event()
        """Set when a completion came back for the first time."""
        self._name = name
        self._config = config
        self._source = source
        self._cache = cache
        self._weights = weights
        self._update = update
        self._publish = publish
        self._turns = turns
        self._log: Path | None = None
        self._port = 0

    async def live(self) -> None:
        """Bring the server up and keep it so, until cancelled; returns when it has died too often.

        The weights must be there. Nothing of the server is left when this ends, however it ends.

        Raises:
            WeightsError: the model cannot be converted.
            ServingError: it does not come up.
        """
        self._tell(ServerState.CONVERTING if isinstance(self._config, VllmServer) else ServerState.LOADING, "")

        def report(share: float | None, sentence: str, /) -> None:
            self._tell(ServerState.CONVERTING, sentence, share)

        model = await prepare_model(self._config, self._source, self._cache, self._weights, report)
        self._config = await prepare_proposer(self._config, self._cache, self._weights, report)
        deaths: deque[float] = deque(maxlen=RESTARTS + 1)
        port = self._new_port()
        ports_left = _PORTS_TRIED - 1
        while True:
            self._log = self._cache.new_log(self._name)
            self._tell(ServerState.LOADING, "starting", 0.0)
            ended = await self._run_once(self._launch(model, port), self._log)
            if not self.ready.is_set():
                if ports_left and any(PORT_IN_USE.search(line) for line in ended.tail):
                    port, ports_left = self._new_port(), ports_left - 1
                    continue
                raise ServingError(obituary(self._name, ended, self._log))
            deaths.append(time.monotonic())
            if len(deaths) > RESTARTS and deaths[-1] - deaths[0] < RESTART_WINDOW_S:
                self._tell(ServerState.FAILED, f"it died {len(deaths)} times: {likely_reason(ended)}")
                return
            port = self._port  # clients know it under this one

    def _new_port(self) -> int:
        """A port for the server: free now, or 0 where the server can choose by itself."""
        if isinstance(self._config, LlamaCppServer):
            return 0
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
            return port

    def _launch(self, model: str, port: int) -> Launch:
        if isinstance(self._config, LlamaCppServer):
            return launch_llama_cpp(self._config, self._config.model, Path(model), port, proposer_file(self._config))
        return launch_vllm(self._config, self._config.model, model, port, self._cache.compiled)

    async def _run_once(self, launch: Launch, log: Path) -> processes.Ended:
        """Run the process until it ends by itself, and announce when it is ready.

        Raises:
            ServingError: it serves, but a completion does not come back.
        """
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def loading(sentence: str, share: float) -> None:
            self._tell(ServerState.LOADING, sentence, share)

        listener = _LogListener(launch, address, loading)
        turn = AsyncExitStack()
        await turn.enter_async_context(self._turns.of(self._gpus()))
        process = asyncio.create_task(processes.run(launch.command, log, listener.feed))
        ready = asyncio.create_task(self._become_ready(address))
        try:
            await asyncio.wait({process, ready}, return_when=asyncio.FIRST_COMPLETED)
            if ready.done() and (failure := ready.exception()):
                await asyncio.wait({process}, timeout=_DEATH_NOTICE_S)
                if not process.done():
                    raise failure
            await turn.aclose()
            return await process
        finally:
            process.cancel()
            ready.cancel()
            await asyncio.gather(process, ready, return_exceptions=True)
            await turn.aclose()

    def _gpus(self) -> tuple[int, ...]:
        return gpus_of(self._config) if isinstance(self._config, VllmServer) else ()

    async def _become_ready(self, address: asyncio.Future[str]) -> None:
        entry = self._source if isinstance(self._source, CatalogueEntry) else None
        family = self._config.family
        if entry and family == "default":
            family = entry.family
        endpoint = Endpoint(
            base_url=f"{await address}/v1",
            dialect="vllm" if isinstance(self._config, VllmServer) else "llama.cpp",
            model=self._config.model,
            name=entry.title if entry else self._config.model,
            vocabulary=self._config.tokenizer or (entry.tokenizer if entry else self._config.vocabulary),
            family=family,
        )
        self._tell(ServerState.LOADING, "asking it for a first token", 0.98)
        await check_completion(endpoint)
        self._port = httpx.URL(endpoint.base_url).port or 0
        self._publish(endpoint)
        self.ready.set()
        self._tell(ServerState.READY, f"serving at {endpoint.base_url}", 1.0)

    def _tell(self, state: ServerState, sentence: str, share: float | None = None) -> None:
        self._update(state, sentence, share, self._log)


class _LogListener:
    """Reads a server's log as it comes: how far the loading is, and where it serves."""

    def __init__(self, launch: Launch, address: asyncio.Future[str], tell: Callable[[str, float], None]) -> None:
        self._launch = launch
        self._address = address
        self._tell = tell
        self._share = 0.0
        self._base = ""

    def feed(self, line: str) -> None:
        """Take one line."""
        if self._address.done():
            return
        milestones = self._launch.milestones
        for index, milestone in enumerate(milestones):
            if match := milestone.pattern.search(line):
                share = milestone.share
                if (percent := match.groupdict().get("percent")) is not None:
                    following = milestones[index + 1].share if index + 1 < len(milestones) else 1.0
                    share += (following - share) * int(percent) / 100
                if share >= self._share:
                    self._share = share
                    self._tell(milestone.sentence, share)
        if match := self._launch.listening.search(line):
            self._base = match[1]
        if self._base and self._launch.announced.search(line):
            self._address.set_result(self._base)
