"""Finds a server that was ready and hangs; patient with one that is merely busy."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from lr_demo import limits
from lr_demo.errors import ServingError
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.readiness import check_completion

_PAUSE_S = 1.0
"""Before a question is put again that was refused."""


async def until_hung(endpoint: Endpoint, tell: Callable[[bool], None]) -> None:
    """Look at a server now and then; returns when it gave no sign of life for `limits.HEALTH_LIMIT_S`.

    `tell` is called with True when a look takes long, and with False when an answer came after all.
    """
    async with httpx.AsyncClient(timeout=None, headers={"Authorization": f"Bearer {endpoint.api_key}"}) as client:
        looks = Looks(endpoint, client)
        while True:
            await asyncio.sleep(limits.HEALTH_PERIOD_S)
            if await _within(limits.HEALTH_NOTICE_S, looks.sign()):
                continue
            tell(True)
            if not await _within(limits.HEALTH_LIMIT_S - limits.HEALTH_NOTICE_S, looks.sign()):
                return
            tell(False)


async def _within(seconds: float, answer: Awaitable[None]) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await answer
    except TimeoutError:
        return False
    return True


class Looks:
    """Asks for signs of life, each engine where its answer means that it computes.

    llama.cpp tells its figures between two batches, from the loop that computes them. vLLM tells figures
    and health from another process than the engine's: there a sign of life is that figures change, and
    where none did for a while, one token.
    """

    def __init__(self, endpoint: Endpoint, client: httpx.AsyncClient) -> None:
        self._endpoint, self._client = endpoint, client
        self._root = endpoint.base_url.rstrip("/").removesuffix("/v1")
        self._figures: list[str] = []
        self._quiet_since = 0.0

    async def sign(self) -> None:
        """Returns with the next sign of life."""
        while True:
            try:
                if self._endpoint.dialect == "vllm":
                    await self._ask("/health")
                    await self._progress()
                else:
                    await self._ask("/metrics")
            except (httpx.HTTPError, ServingError):
                await asyncio.sleep(_PAUSE_S)
            else:
                return

    async def _progress(self) -> None:
        figures = [line for line in (await self._ask("/metrics")).splitlines() if line.startswith("vllm:")]
        now = asyncio.get_running_loop().time()
        if figures == self._figures and now - self._quiet_since >= limits.QUIET_S:
            await check_completion(self._endpoint)
        elif figures == self._figures:
            return
        self._figures, self._quiet_since = figures, now

    async def _ask(self, path: str) -> str:
        return (await self._client.get(self._root + path)).raise_for_status().text
