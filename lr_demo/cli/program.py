"""Runs a command line of ours: how it ends, whatever happens, and how it speaks."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import typer
from rich.console import Console

from lr_demo.errors import LookaheadError, UserError
from lr_demo.terminal import plain

INTERRUPTED = 130


def run_program(arguments: list[str] | None, application: typer.Typer, program: str = "") -> int:
    """Run a command line; returns the exit code. Mistakes of the user end with 2 and one sentence."""
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        result = application(args=arguments, prog_name=program or None, standalone_mode=False)
    except typer.exceptions.TyperException as mistake:
        message = mistake.format_message()
        if message:
            say(message, style="red")
        return mistake.exit_code
    except UserError as mistake:
        say(str(mistake), style="red")
        return 2
    except LookaheadError as error:
        say(str(error), style="red")
        return 1
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def say(message: str, style: str = "") -> None:
    """Tell the user something beside the result."""
    Console(stderr=True).print(plain(message, style), soft_wrap=True)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM ends the program as if by itself, so that the fleet is stopped."""
    raise SystemExit(128 + number)
