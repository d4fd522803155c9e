"""What viewers cost a run: the same simulated run followed by nobody, by one and by many, over HTTP."""

import asyncio
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from lr_demo.config import Mode, RunSettings, load_profile
from lr_demo.errors import LookaheadError
from lr_demo.garbage import keep_what_is_there
from lr_demo.runs.manager import RunManager
from lr_demo.ui.routes import api_router

COUNTS = (0, 1, 50, 0)
"""Viewers of the runs, one run after the other; nobody twice, so that a drift of the machine shows."""
_STEPS = 16


@dataclass(frozen=True)
class Watched:
    """One run and its viewers."""

    viewers: int
    schedule_s: float


def slowdown(runs: Sequence[Watched]) -> float:
    """Longest schedule with the most viewers over the mean one without any; 1 is no cost."""
    alone = [run.schedule_s for run in runs if not run.viewers]
    most = max(run.viewers for run in runs)
    return max(run.schedule_s for run in runs if run.viewers == most) / (sum(alone) / len(alone))


def watched_runs(counts: Sequence[int] = COUNTS, steps: int = _STEPS) -> list[Watched]:
    """The same run once for each number of viewers, served as the application serves it; viewers in another process.

    Raises:
        LookaheadError: a run failed, or a viewer did not see its end.
    """
    profile = load_profile("simulated")
    profile = profile.model_copy(update={"simulation": profile.simulation.model_copy(update={"steps": steps})})
    with (
        tempfile.TemporaryDirectory() as folder,
        RunManager(profile, Path(folder), hardware="") as manager,
        _serving(manager) as port,
    ):
        return [asyncio.run(_watched(manager, port, viewers)) for viewers in counts]


async def _watched(manager: RunManager, port: int, viewers: int) -> Watched:
    keep_what_is_there()
    settings = RunSettings(mode=Mode.LOOKAHEAD, lookahead=6, parallel_budget=16, max_tokens=4096)
    run = manager.start("How many?", settings, baseline=False).run
    module = ("-m", "lr_demo.benchmark.following", str(port), run.id, str(viewers))
    following = await asyncio.create_subprocess_exec(sys.executable, *module)
    try:
        if await following.wait() != 0:
            raise LookaheadError(f"not all of {viewers} viewers saw the end of run {run.id}: is another program slow?")
    finally:
        if following.returncode is None:
            following.kill()
            await following.wait()
    async for _ in run.log.follow():
        continue
    finished = run.log.finished
    assert finished is not None, "a log that has been followed to its end has finished"
    return Watched(viewers, finished.t)


@contextmanager
def _serving(manager: RunManager) -> Iterator[int]:
    """The routes of runs on a port of the loopback interface, in a thread as in the application."""
    app = FastAPI()
    app.include_router(api_router(manager))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
