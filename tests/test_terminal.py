"""What the terminal says of token-level speculation: the server that a run starts, and what was proposed."""

import asyncio
import io
from collections.abc import AsyncGenerator

from rich.console import Console

from lr_demo.config import load_profile
from lr_demo.events import RunFinished, RunStatus, TokenSpeculation
from lr_demo.run_state import fold
from lr_demo.runs.engine_thread import FleetView
from lr_demo.runs.log import EventLog
from lr_demo.runs.summary import summarize
from lr_demo.serving.status import ServerState, ServerStatus
from lr_demo.terminal import show_start, show_summary
from tests.runs.events_of_a_run import started


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def quiet_console() -> Console:
    return Console(file=io.StringIO(), width=120)


def view(state: ServerState) -> FleetView:
    target = ServerStatus("target", ("target",), "llama.cpp", "big", ServerState.READY)
    other = ServerStatus("other [bold]", ("speculative_target",), "llama.cpp", "big", state)
    return FleetView((target, other), ready=True, error=None, profile=load_profile("simulated"))


def test_a_server_that_a_run_starts_is_said_until_the_run_begins() -> None:
    async def shown() -> str:
        console, log, told = quiet_console(), EventLog("abcd"), asyncio.Event()

        async def views() -> AsyncGenerator[FleetView, None]:
            for state in (ServerState.WAITING, ServerState.LOADING, ServerState.LOADING, ServerState.READY):
                yield view(state)
            told.set()
            await asyncio.get_running_loop().create_future()

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(show_start(console, views(), log))
            await told.wait()
            log.append(started())
        return said(console)

    assert asyncio.run(shown()) == "other [bold], which this run needs, is loading\n"


def test_a_run_whose_servers_are_there_begins_without_a_word() -> None:
    async def shown() -> str:
        console, log = quiet_console(), EventLog("abcd")

        async def views() -> AsyncGenerator[FleetView, None]:
            yield view(ServerState.READY)

        log.append(started())
        async with asyncio.timeout(10):
            await show_start(console, views(), log)
        return said(console)

    assert asyncio.run(shown()) == ""


def summary_of(speculation: TokenSpeculation | None) -> str:
    console = quiet_console()
    finished = RunFinished(status=RunStatus.FINISHED, reason="end_of_sequence", speculation=speculation)
    show_summary(console, summarize(fold([started("speculative"), finished])))
    return said(console)


def test_the_summary_tells_proposals_accepted_and_tokens_a_pass() -> None:
    text = summary_of(TokenSpeculation(drafts=10, proposed_tokens=60, accepted_tokens=15))
    assert "15 of 60 proposed tokens accepted (25%), 2.50 tokens a pass with proposals" in text


def test_the_summary_says_when_nothing_was_proposed_and_nothing_where_nothing_is_known() -> None:
    assert "no token was proposed" in summary_of(TokenSpeculation(drafts=0, proposed_tokens=0, accepted_tokens=0))
    assert "speculation" not in summary_of(None)
