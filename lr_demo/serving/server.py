"""The life of one model server: model prepared, process started, ready, watched, started again within limits."""

import asyncio
import logging
import shutil
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path

import httpx

from lr_demo import limits
from lr_demo.config import DraftedSpeculation, LlamaCppServer, VllmServer
from lr_demo.errors import LookaheadError, ServingError
from lr_demo.serving import processes
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CatalogueEntry
from lr_demo.serving.death import Death
from lr_demo.serving.diagnosis import last_words, likely_reason
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.health import until_hung
from lr_demo.serving.launch import HOST, Launch, launch_llama_cpp
from lr_demo.serving.launch_vllm import launch_vllm
from lr_demo.serving.loading import LoadingWatch
from lr_demo.serving.log_listener import LogListener
from lr_demo.serving.models import ModelSource, proposer_file
from lr_demo.serving.readiness import check_completion
from lr_demo.serving.status import ServerState

_logger = logging.getLogger(__name__)
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
        prepare: Callable[[], Awaitable[tuple[str, VllmServer | LlamaCppServer]]],
        turn: Callable[[], AbstractAsyncContextManager[None]],
        update: Update,
        publish: Callable[[Endpoint], None],
    ) -> None:
        """`prepare` gives the model as the engine reads it, and `config` with every model so.

        `turn` is this server's turn to load.
        """
        self._name = name
        self._config = config
        self._source = source
        self._cache = cache
        self._prepare = prepare
        self._turn = turn
        self._update = update
        self._publish = publish
        self._log: Path | None = None
        self._port: int | None = None
        """Where clients know it."""
        self._serving = ""
        self._proposals: Path | None = None
        """Where it takes drafted steps."""
        self._stopped = False
        self._asked = asyncio.Event()
        """Somebody wants it started anew."""
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when it is ready, or given up."""

    async def live(self) -> None:
        """Bring the server up and keep it so, until cancelled.

        A server that is given up waits for `restart`. Nothing of it is left when this ends.
        """
        try:
            while True:
                try:
                    await self._serve()
                except (LookaheadError, OSError) as error:
                    self._give_up(str(error))
                except Exception as error:
                    _logger.exception("the server %s was given up", self._name)
                    self._give_up(f"something went wrong inside the program ({type(error).__name__}: {error})")
                await self._asked.wait()
        finally:
            self._stopped = True
            self._settle(ServingError(f"the server {self._name} was stopped while it came up"))

    async def until_ready(self) -> None:
        """Wait for the server; any number may, and none of them ends its start by being cancelled.

        Raises:
            ServingError: it was given up; says why.
        """
        await asyncio.shield(self._settled)

    @property
    def given_up(self) -> bool:
        """Whether it is down and will not be started again by itself."""
        return self._settled.done() and self._settled.exception() is not None

    def restart(self) -> None:
        """End its process, where there is one, and start it anew, with all its restarts before it.

        Raises:
            ServingError: it does not live any more.
        """
        if self._stopped:
            raise ServingError(
                f"the server {self._name} cannot start: its fleet was stopped; start the application again"
            )
        self._unsettle()
        self._asked.set()

    async def _serve(self) -> None:
        """Run the server's process, again and again.

        Raises:
            WeightsError: there is no model to start it with.
            ServingError: it does not come up, or died too often.
        """
        deaths: list[float] = []
        prepared: tuple[str, VllmServer | LlamaCppServer] | None = None
        port = self._port if self._port is not None else self._new_port()
        ports_left = _PORTS_TRIED - 1
        came_up = False
        starting = "starting"
        while True:
            async with AsyncExitStack() as turn:
                await turn.enter_async_context(self._turn())
                prepared = prepared or await self._prepare()
                if self._asked.is_set():
                    self._asked.clear()
                    deaths.clear()
                self._log = self._cache.new_log(self._name)
                self._tell(ServerState.LOADING, starting, 0.0)
                death = await self._run_once(self._launch(*prepared, port), self._log, turn.aclose)
            if death is None:
                continue
            if death.lost_its_port and ports_left:
                port, ports_left = self._new_port(), ports_left - 1
                continue
            now = time.monotonic()
            if self._settled.done():  # it was ready: what was long ago counts no more
                came_up, ports_left = True, _PORTS_TRIED - 1
                deaths = [moment for moment in deaths if now - moment < limits.RESTART_WINDOW_S]
            self._unsettle()
            if not came_up and not death.while_loading:
                raise ServingError(death.obituary(self._name, self._log))
            deaths.append(now)
            if len(deaths) > limits.RESTARTS:
                raise ServingError(death.last_of(deaths, self._name))
            await self._pause(death, len(deaths))
            starting = f"starting again: {death.reason}" if death.while_loading else "starting"
            port = self._port or self._new_port()

    async def _pause(self, death: Death, deaths: int) -> None:
        """Wait before the next start, longer each time, unless somebody wants it now."""
        pause = min(limits.FIRST_RESTART_PAUSE_S * 4.0 ** (deaths - 1), limits.LONGEST_RESTART_PAUSE_S)
        self._tell(ServerState.LOADING, death.notice(pause))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._asked.wait()

    def _new_port(self) -> int:
        """A port for the server: free now, or 0 where the server can choose by itself."""
        if isinstance(self._config, LlamaCppServer):
            return 0
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
            return port

    def _launch(self, model: str, config: VllmServer | LlamaCppServer, port: int) -> Launch:
        if isinstance(config, LlamaCppServer):
            return launch_llama_cpp(config, config.model, Path(model), port, proposer_file(config))
        proposals = self._proposals = self._new_proposals(config, port)
        return launch_vllm(config, config.model, model, port, self._cache.compiled, proposals)

    def _new_proposals(self, config: VllmServer, port: int) -> Path | None:
        """An empty folder where the server takes drafted steps, if it takes them."""
        if not isinstance(config.speculation, DraftedSpeculation):
            return None
        folder = self._cache.root / "proposals" / str(port)
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    async def _run_once(self, launch: Launch, log: Path, loaded: Callable[[], Awaitable[None]]) -> Death | None:
        """Run the process until it ends or hangs; None where somebody wants it started anew.

        `loaded` is called when the process loads no more.
        """
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def loading(sentence: str, share: float) -> None:
            self._tell(ServerState.LOADING, sentence, share)

        listener, watch = LogListener(launch, address, loading), LoadingWatch()

        def hear(line: str) -> None:
            watch.hear(line)
            listener.feed(line)

        process = asyncio.create_task(processes.run(launch.command, log, hear, watch.begin))
        ready = asyncio.create_task(self._become_ready(address))
        asked = asyncio.create_task(self._asked.wait())
        silent = asyncio.create_task(watch.until_silent())
        tasks: set[asyncio.Task[object]] = {process, ready, asked, silent}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if silent.done() and not ready.done() and not process.done():
                silent.result()
                return Death(watch.verdict(), last_words=last_words(watch.tail, log))
            silent.cancel()
            if ready.done() and (failure := ready.exception()):
                await asyncio.wait({process}, timeout=_DEATH_NOTICE_S)
                if not process.done():
                    return Death(str(failure))
            await loaded()
            hung = False
            if ready.done() and not ready.exception() and not process.done():
                looking = asyncio.create_task(until_hung(ready.result(), self._notice))
                tasks.add(looking)
                await asyncio.wait({process, looking, asked}, return_when=asyncio.FIRST_COMPLETED)
                hung = looking.done()
                if hung:
                    looking.result()
            if process.done():
                return Death(likely_reason(process.result()), process.result())
            return Death(f"it hung, without a sign of life for {limits.HEALTH_LIMIT_S:g} s") if hung else None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _become_ready(self, address: asyncio.Future[str]) -> Endpoint:
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
            proposals=self._proposals,
        )
        self._tell(ServerState.LOADING, "asking it for a first token", 0.98)
        await check_completion(endpoint)
        self._port = httpx.URL(endpoint.base_url).port
        self._serving = f"serving at {endpoint.base_url}"
        self._publish(endpoint)
        self._tell(ServerState.READY, self._serving, 1.0)
        self._settle(None)
        return endpoint

    def _notice(self, late: bool) -> None:
        detail = self._serving
        if late:
            detail = (
                f"no sign of life for {limits.HEALTH_NOTICE_S:g} s; it is started again when that lasts "
                f"{limits.HEALTH_LIMIT_S:g} s"
            )
        self._tell(ServerState.READY, detail, 1.0)

    def _give_up(self, reason: str) -> None:
        self._unsettle()
        self._tell(ServerState.FAILED, reason)
        self._settle(ServingError(reason))

    def _settle(self, error: ServingError | None) -> None:
        if self._settled.done():
            return
        if error is None:
            self._settled.set_result(None)
        else:
            self._settled.set_exception(error)
            self._settled.exception()  # nobody may wait for it

    def _unsettle(self) -> None:
        if self._settled.done():
            self._settled = asyncio.get_running_loop().create_future()

    def _tell(self, state: ServerState, sentence: str, share: float | None = None) -> None:
        self._update(state, sentence, share, self._log)
