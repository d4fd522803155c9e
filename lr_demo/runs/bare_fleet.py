"""A profile's fleet with nothing around it, for what asks the models themselves: no runs, no traces."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from lr_demo.config import Profile
from lr_demo.runs.engine_thread import FleetView
from lr_demo.runs.roles import Casting
from lr_demo.runs.signal import Signal
from lr_demo.serving.fleet import Fleet

Watch = Callable[[AsyncGenerator[FleetView, None]], Awaitable[None]]
"""Shows the servers coming up."""


@asynccontextmanager
async def bare_fleet(profile: Profile, watch: Watch) -> AsyncIterator[tuple[Fleet, Casting]]:
    """The servers of a profile, up, and what makes models of them; they end with the context.

    Raises:
        WeightsError: a model is not to be had.
        ServingError: a server does not come up.
    """
    changes = Signal()
    fleet = Fleet(profile, on_change=changes.notify)
    casting = Casting(profile, fleet.endpoint, fleet.given_up, fleet.embedder_folder)
    try:
        await _start(fleet, profile, changes, watch)
        yield fleet, casting
    finally:
        await casting.close()
        await fleet.stop()


async def _start(fleet: Fleet, profile: Profile, changes: Signal, watch: Watch) -> None:
    starting = asyncio.create_task(fleet.start())
    starting.add_done_callback(lambda _: changes.notify())

    async def views() -> AsyncGenerator[FleetView, None]:
        with changes.listen() as listener:
            while True:
                version = changes.version
                done = starting.done()
                yield FleetView(tuple(fleet.statuses()), done, None, profile)
                if done:
                    return
                await listener.wait(version)

    try:
        await watch(views())
    except asyncio.CancelledError:
        starting.cancel()
        raise
    await starting
