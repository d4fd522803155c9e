"""Our own routes for runs: their events, races as JSON, LaTeX as MathML trees."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, RootModel
from sse_starlette import EventSourceResponse, ServerSentEvent

from lr_demo.errors import UserError
from lr_demo.runs.forecasts import race_forecast
from lr_demo.runs.manager import RunManager
from lr_demo.runs.probes import ProbeStore
from lr_demo.runs.race import RunHandle
from lr_demo.ui.mathematics import MAX_BATCH, math_tree
from lr_demo.ui.views import (
    AnswerView,
    PredictionView,
    RaceLine,
    RaceView,
    answer_views,
    prediction_view,
    race_lines,
    race_view,
)

MOST_IN_MESSAGE = 500
"""Most events of one message: what a browser takes in without a pause that is felt."""


class LatexIn(BaseModel):
    latex: str = Field(max_length=20_000)
    display: bool = False


class LatexBatch(RootModel[list[LatexIn]]):
    root: list[LatexIn] = Field(max_length=MAX_BATCH)


def api_router(manager: RunManager) -> APIRouter:
    """The routes that the page's scripts use."""
    router = APIRouter()

    @router.get("/runs/{run_id}/events")
    async def run_events(
        run_id: str,
        after: Annotated[int, Query(ge=-1)] = -1,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> EventSourceResponse:
        """A run's events after number `after`, or after `Last-Event-ID` on a reconnect.

        Each `events` message is a JSON array of events, its id the number of the last of them; `end`
        closes the stream. A viewer can come and go; the run does not know.
        """
        handle = _find(manager, run_id)
        if last_event_id is not None and last_event_id.lstrip("-").isdigit():
            after = max(after, int(last_event_id))
        return EventSourceResponse(_run_messages(handle, after))

    @router.get("/races")
    def races() -> list[RaceLine]:
        return race_lines(manager)

    @router.get("/races/{run_id}")
    def race(run_id: str) -> RaceView:
        try:
            return race_view(manager.race(run_id), manager.profile)
        except UserError as error:
            raise HTTPException(404, str(error)) from None

    @router.get("/races/{run_id}/answers")
    def answers(run_id: str) -> list[AnswerView]:
        """What each lane that has ended answers, compared with what is expected; may take seconds."""
        try:
            return answer_views(manager.race(run_id))
        except UserError as error:
            raise HTTPException(404, str(error)) from None

    @router.get("/races/{run_id}/prediction")
    def prediction(run_id: str) -> PredictionView | None:
        """What the cost model expects of a race's run; null where its profile was not probed on this machine."""
        try:
            race = manager.race(run_id)
        except UserError as error:
            raise HTTPException(404, str(error)) from None
        forecast = race_forecast(race, manager.profile, manager.hardware, ProbeStore(), manager.store)
        return prediction_view(forecast) if forecast is not None else None

    @router.post("/math")
    def math(batch: LatexBatch) -> JSONResponse:
        """MathML trees of LaTeX expressions, null for each that is broken or unknown."""
        return JSONResponse([math_tree(item.latex, display=item.display) for item in batch.root])

    return router


def _find(manager: RunManager, run_id: str) -> RunHandle:
    try:
        return manager.get(run_id)
    except UserError as error:
        raise HTTPException(404, str(error)) from None


async def _run_messages(handle: RunHandle, after: int) -> AsyncIterator[ServerSentEvent]:
    last = after
    async for lines in handle.log.follow_lines(after):
        for begin in range(0, len(lines), MOST_IN_MESSAGE):
            some = lines[begin : begin + MOST_IN_MESSAGE]
            last += len(some)
            yield ServerSentEvent(event="events", id=str(last), data=f"[{','.join(some)}]")
    yield ServerSentEvent(event="end", data=f'{{"status":"{handle.phase.value}"}}')
