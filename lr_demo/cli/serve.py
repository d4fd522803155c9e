"""`serve`: the application."""

import socket
from typing import Annotated

import typer

from lr_demo.cli.options import ProfileOption, chosen_profile
from lr_demo.cli.program import say
from lr_demo.errors import ConfigError
from lr_demo.runs.manager import RunManager

DEFAULT_PORT = 7860


def serve(
    profile: ProfileOption = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for every network of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the page.", min=1, max=65535)] = DEFAULT_PORT,
) -> int:
    """Start the application: the page is up at once, the models load meanwhile."""
    chosen = chosen_profile(profile)
    _check_port(host, port)
    from lr_demo.ui.server import serve as serve_pages  # brings gradio with it: seconds that other commands save

    with RunManager(chosen) as manager:
        say(f"Lookahead Live comes up on http://{host}:{port} (Ctrl-C ends it)")
        serve_pages(manager, host=host, port=port)
    return 0


def _check_port(host: str, port: int) -> None:
    """Whether the page can listen there.

    Raises:
        ConfigError: the port is in use, or the address is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigError(
            f"the page cannot listen on {host}, port {port}: {error.strerror}; choose another with --port or --host"
        ) from None
