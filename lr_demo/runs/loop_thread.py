"""A thread with an event loop of its own, into which others call from any thread."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class LoopThread:
    """Runs one coroutine function in a thread, until it returns. It must not raise."""

    def __init__(self, main: Callable[[], Awaitable[None]], name: str) -> None:
        self._main = main
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name=name, daemon=True)

    def start(self) -> None:
        """Returns when the loop runs."""
        self._thread.start()
        self._running.wait()

    def join(self) -> None:
        """Wait for the end; harmless where it was never started."""
        if self._loop is not None:
            self._thread.join()

    def call(self, function: Callable[[*Ts], object], *args: *Ts) -> None:
        """Call in the loop, in the order of the calls; after the end nothing happens.

        Raises:
            RuntimeError: it was not started.
        """
        try:
            self._require_loop().call_soon_threadsafe(function, *args)
        except RuntimeError:
            if not self._ended:
                raise

    async def result(self, work: Coroutine[object, object, T]) -> T:
        """Await a coroutine in the loop, from another one; cancelled with whoever waits.

        Raises:
            RuntimeError: the thread was not started, or has ended.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._require_loop())
        except RuntimeError:
            work.close()
            raise
        return await asyncio.wrap_future(future)

    def time(self) -> float:
        """Seconds on the loop's clock.

        Raises:
            RuntimeError: it was not started.
        """
        return self._require_loop().time()

    def _require_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the run manager is not open")
        return self._loop

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._running.set()
        try:
            await self._main()
        finally:
            self._ended = True
