"""Several runs at once on the same simulated models in virtual time, some of them stopped on the way."""

import asyncio
from collections.abc import Collection, Sequence

from lr_demo.config import RunSettings
from lr_demo.decoding.admission import BatchCost
from lr_demo.decoding.budget import Budget
from lr_demo.decoding.engine import Cast, decode
from lr_demo.events import Event
from lr_demo.models.virtual_time import run_virtual
from lr_demo.run_state import fold
from lr_demo.verification.exact import ExactVerifier
from tests.decoding.scene import Scene

STOPPED_AFTER_S = 0.4


class Crowd:
    """Runs that share a budget; `measuring`: with admission by cost."""

    def __init__(self, places: int | None, measuring: bool) -> None:
        self.budget = Budget(places, BatchCost() if measuring else None)
        self.answers: list[str | None] = []
        """None of a run that was stopped."""
        self.most_in_flight = 0
        self.left = 0
        """Requests and tasks after the end."""

    def run(
        self, scene: Scene, crowd: Sequence[RunSettings], begins: Sequence[float], stopped: Collection[int]
    ) -> None:
        """Begin each run at its moment, seconds; those with a number in `stopped` are cancelled some time later."""
        run_virtual(self._run(scene, crowd, begins, stopped))

    async def _run(
        self, scene: Scene, crowd: Sequence[RunSettings], begins: Sequence[float], stopped: Collection[int]
    ) -> None:
        target, draft = scene.models()
        cast = Cast(target, scene.sampling, draft, scene.sampling, ExactVerifier())

        async def one(number: int, plan: RunSettings) -> str | None:
            events: list[Event] = []
            await asyncio.sleep(begins[number])
            try:
                async with asyncio.timeout(STOPPED_AFTER_S if number in stopped else None):
                    await decode("How many?", plan, cast, events.append, "Think.", budget=self.budget)
            except TimeoutError:
                return None
            return fold(events).text()

        self.answers = list(await asyncio.gather(*(one(number, plan) for number, plan in enumerate(crowd))))
        self.most_in_flight = target.most_in_flight
        self.left = target.in_flight + draft.in_flight + len(asyncio.all_tasks() - {asyncio.current_task()})
