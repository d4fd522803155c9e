"""The application, served for tests on a free port of the loopback interface."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from sse_starlette.sse import AppStatus

from lr_demo.runs.manager import RunManager
from lr_demo.ui.server import build_app

_ports: list[int] = []
"""Ports that this process has served on. They are used again: what a browser keeps of a page is kept by address."""


def _listen() -> socket.socket:
    for port in _ports:
        with suppress(OSError):  # a site of another test is there
            return socket.create_server(("127.0.0.1", port))
    listener = socket.create_server(("127.0.0.1", 0))
    _ports.append(listener.getsockname()[1])
    return listener


@contextmanager
def serving(manager: RunManager) -> Iterator[str]:
    """The address of a page for an open manager."""
    servers: list[uvicorn.Server] = []
    ready = threading.Event()

    async def serve(listener: socket.socket) -> None:
        config = uvicorn.Config(build_app(manager), log_level="warning", timeout_graceful_shutdown=1)
        servers.append(uvicorn.Server(config))
        ready.set()
        await servers[0].serve(sockets=[listener])

    with _listen() as listener:
        thread = threading.Thread(target=lambda: asyncio.run(serve(listener)))
        thread.start()
        assert ready.wait(60), "the application was not built"
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            AppStatus.should_exit = True  # as a signal would: streams that are open end
            servers[0].should_exit = True
            thread.join()
            AppStatus.should_exit = False
