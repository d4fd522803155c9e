"""Our own route for the judge's reason in words: asked by a reader after the verdict, and no part of the run."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field

from lr_demo.errors import ModelError, ServingError, TraceError, UserError
from lr_demo.runs.manager import RunManager
from lr_demo.ui.fleet_routes import from_our_page
from lr_demo.ui.views import View

T = TypeVar("T")
READER_GONE = 499
"""Status for whoever is not there any more to read it."""


class CompareIn(BaseModel):
    """Names a drafted step that was compared."""

    position: int = Field(ge=0)
    alternative: int = Field(default=0, ge=0)


class ReasonView(View):
    text: str
    """What the judge wrote: untrusted."""
    model: str
    simulated: bool
    seconds: float


def reason_router(manager: RunManager) -> APIRouter:
    """The route by which the judge is asked."""
    router = APIRouter()

    @router.post("/runs/{run_id}/reasons", dependencies=[Depends(from_our_page)])
    async def reason(run_id: str, which: Annotated[CompareIn, ...], request: Request) -> ReasonView:
        """Why a drafted step means the same as the target's or not. Ended at the judge's server when the reader goes.

        404: no such run; 409: nobody can be asked now; 502: the judge does not answer.
        """
        try:
            said = await while_there(request, manager.reason(run_id, which.position, which.alternative))
        except TraceError as error:
            raise HTTPException(404, str(error)) from None
        except UserError as error:
            raise HTTPException(409, str(error)) from None
        except (ModelError, ServingError) as error:
            raise HTTPException(502, str(error)) from None
        return ReasonView.model_validate(said, from_attributes=True)

    return router


async def while_there(request: Request, work: Coroutine[object, object, T]) -> T:
    """What the work comes to; it is cancelled when the client disconnects."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise HTTPException(READER_GONE, "the reader went away")
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait({working, leaving})


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
