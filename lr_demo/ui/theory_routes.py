"""What the theory expects of a run, asked by the Live page with the acceptance and the cost that the run measured."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from lr_demo.config import Schedule
from lr_demo.theory import MOST_AHEAD, Layer, lookahead
from lr_demo.ui.views import View


class ExpectedQuery(BaseModel):
    """What a run measured, and its settings."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    alpha: float = Field(ge=0, le=1)
    """α₁: the share of compared steps that were accepted."""
    cost: float = Field(gt=0, le=1000)
    """c₁: mean seconds of a drafted step over those of a target step."""
    lookahead: int = Field(ge=1, le=MOST_AHEAD - 1)
    """γ: k₁ is one more, for a round ends with a step of the target's own."""
    schedule: Schedule = Schedule.ASYNC
    tokens_per_pass: float = Field(default=1, ge=1, le=1000)
    """What a pass of the target with proposals came to: g(k₂) where proposals cost nothing."""


class ExpectedView(View):
    speedup: float
    """f(k₁)·g over plain decoding."""
    steps: float
    """f(k₁): of lookahead reasoning alone."""
    how: str
    """The formula with its numbers, in words."""


def theory_router() -> APIRouter:
    """Routes for the formulas. They need no model server."""
    router = APIRouter(prefix="/theory")

    @router.get("/expected")
    def expected(query: Annotated[ExpectedQuery, Query()]) -> ExpectedView:
        return expected_view(query)

    return router


def expected_view(query: ExpectedQuery) -> ExpectedView:
    """The speedup by the formulas; a pure function of the numbers."""
    ahead = query.lookahead + 1
    steps = lookahead(Layer(query.alpha, query.cost), ahead, query.schedule)
    told = f"f(k₁ = {ahead}) with the measured α₁ = {query.alpha:.2f} and c₁ = {query.cost:.2f}, {query.schedule.value}"
    if query.tokens_per_pass > 1:
        told += f"; times {query.tokens_per_pass:.2f} tokens a pass, with proposals at no cost"
    return ExpectedView(speedup=steps * query.tokens_per_pass, steps=steps, how=told)
