"""The web application: the Gradio page mounted beside our own routes, and uvicorn to serve it."""

import asyncio
import contextlib
import errno
import os
import socket
import warnings

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
import uvicorn
from fastapi import FastAPI

from lr_demo.errors import UserError
from lr_demo.garbage import keep_what_is_there
from lr_demo.runs.manager import RunManager
from lr_demo.runs.sweeping import Sweeps
from lr_demo.ui.explore_routes import explore_router
from lr_demo.ui.export_routes import export_router
from lr_demo.ui.fleet_routes import fleet_router
from lr_demo.ui.learn_routes import learn_router
from lr_demo.ui.lessons import Lessons
from lr_demo.ui.look import FAVICON, THEME, head
from lr_demo.ui.page import build_page
from lr_demo.ui.reason_routes import reason_router
from lr_demo.ui.routes import api_router
from lr_demo.ui.static_files import static_router
from lr_demo.ui.theory_routes import theory_router

_LOOK_EVERY_S = 0.02
"""Gradio looks a thousand times a second for a pressed button: a tenth of a core that the models need."""


def build_app(manager: RunManager) -> FastAPI:
    """The application for an open manager; the fleet may still be loading.

    To be called in a running event loop: elsewhere Gradio makes loops of its own and leaves them open.
    """
    sweeps = Sweeps(manager)
    app = FastAPI(
        title="Lookahead Live", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lambda _: sweeps.working()
    )
    app.include_router(api_router(manager))
    app.include_router(fleet_router(manager))
    app.include_router(learn_router(Lessons()))
    app.include_router(explore_router(manager, sweeps))
    app.include_router(export_router(manager))
    app.include_router(reason_router(manager))
    app.include_router(theory_router())
    app.include_router(static_router())
    page = build_page(manager)
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = _LOOK_EVERY_S
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SSR mode is not supported")  # said of several pages even where it is off
        gr.mount_gradio_app(
            app,
            page,
            path="/",
            theme=THEME,
            head=head(),
            favicon_path=FAVICON,
            footer_links=[],
            show_error=True,
            ssr_mode=False,
            enable_monitoring=False,
        )
    return app


def serve(manager: RunManager, *, host: str, port: int) -> None:
    """Serve the page until interrupted. It is up at once; models load meanwhile.

    Raises:
        UserError: the address cannot be listened on, as when the port is in use.
    """
    with _listen(host, port) as listener, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(manager, listener))


async def _serve(manager: RunManager, listener: socket.socket) -> None:
    config = uvicorn.Config(build_app(manager), log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    keep_what_is_there()
    await uvicorn.Server(config).serve(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, OverflowError) as error:
        raise UserError(f"cannot listen on {host}:{port}: {error}; give another --host or --port") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.set_inheritable(True)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise UserError(
                f"port {port} on {host} is in use: end the program that has it, or choose another with --port"
            ) from None
        raise UserError(f"cannot listen on {host}:{port}: {error}; give another --host or --port") from None
    return listener
