"""Real servers for tests: SmolLM2 on llama.cpp and on vLLM, started through the public serving API."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from lr_demo.config import LlamaCppServer, LlamaCppSpeculation, Profile, RoleMap, ServerConfig, VllmServer
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.fleet import Fleet

SMOL = "smollm2-135m"
LLAMACPP_SMOL = LlamaCppServer(engine="llama.cpp", model=SMOL, context=4096, slots=4, threads=1)
FIRST_CORE, LAST_CORE = (str(core(os.sched_getaffinity(0))) for core in (min, max))
VLLM_SMOL = VllmServer(
    engine="vllm",
    model=SMOL,
    dtype="auto",
    max_model_len=4096,
    kv_cache_gib=0.5,
    max_num_seqs=8,
    eager=True,
    cores=FIRST_CORE,
)

SUSPENDING = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <async_generator object BoundAsyncStream:pytest.PytestUnraisableExceptionWarning"
)
"""For tests that suspend a server: httpx's own generator may complain when a request that reads is cancelled."""


def speculating(speculation: LlamaCppSpeculation) -> LlamaCppServer:
    """SmolLM2 on llama.cpp with token-level speculation."""
    return LLAMACPP_SMOL.model_copy(update={"speculation": speculation})


def one_server_profile(server: ServerConfig) -> Profile:
    """A profile whose target is `server` and that has nothing else."""
    return Profile(name="test", description="one server", servers={"target": server}, roles=RoleMap(target="target"))


@contextmanager
def running(profile: Profile) -> Iterator[Fleet]:
    """The profile's fleet, up, on a loop of its own in another thread; ended afterwards."""
    fleet = Fleet(profile)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        try:
            asyncio.run_coroutine_threadsafe(fleet.start(), loop).result()
            yield fleet
        finally:
            asyncio.run_coroutine_threadsafe(fleet.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@contextmanager
def one_server(server: LlamaCppServer | VllmServer) -> Iterator[Endpoint]:
    """The endpoint of one running server; the test is skipped where the engine is not installed."""
    module = "xllamacpp" if isinstance(server, LlamaCppServer) else "vllm"
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    with running(one_server_profile(server)) as fleet:
        yield fleet.endpoint("target")
