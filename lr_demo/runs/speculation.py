"""Token-level speculation of one run: what the server that played the target counted meanwhile."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from lr_demo.errors import ServingError
from lr_demo.events import TokenSpeculation
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.telemetry import read_metrics

READ_WITHIN_S = 2.0
"""How long a run waits for a server's counters, before it begins and after its clock has stopped."""

ReadCounts = Callable[[], Awaitable[TokenSpeculation]]
_logger = logging.getLogger(__name__)


class SpeculationMeter:
    """Reads counters before and after a run. A server that does not tell them is no failure."""

    def __init__(self, read: ReadCounts) -> None:
        self._read = read
        self._before: TokenSpeculation | None = None

    async def begin(self) -> None:
        """The run is about to begin."""
        self._before = await self._counts()

    async def end(self) -> TokenSpeculation | None:
        """What was counted since `begin`; None where the server did not tell, or began anew in between."""
        before = self._before
        after = await self._counts() if before is not None else None
        if before is None or after is None or after.drafts < before.drafts:
            return None
        return TokenSpeculation(
            drafts=after.drafts - before.drafts,
            proposed_tokens=after.proposed_tokens - before.proposed_tokens,
            accepted_tokens=after.accepted_tokens - before.accepted_tokens,
        )

    async def _counts(self) -> TokenSpeculation | None:
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                return await self._read()
        except (ServingError, TimeoutError) as error:
            _logger.info("the speculation of a run is not known: %s", error)
            return None


async def server_counts(endpoint: Endpoint) -> TokenSpeculation:
    """What a server, with all its replicas, has counted since its processes began.

    Raises:
        ServingError: one does not tell.
    """
    addresses = (endpoint.base_url, *endpoint.replicas)
    told = await asyncio.gather(*(read_metrics(replace(endpoint, base_url=address)) for address in addresses))
    return TokenSpeculation(
        drafts=sum(each.drafts for each in told),
        proposed_tokens=sum(each.proposed_tokens for each in told),
        accepted_tokens=sum(each.accepted_tokens for each in told),
    )
