"""Our own routes for the Explore page: history, comparison, sweeps, links to share, import of a trace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from lr_demo.config import Mode, RunSettings, parse_settings
from lr_demo.errors import TraceError, UserError
from lr_demo.runs.comparison import LEAST_RUNS, MOST_RUNS
from lr_demo.runs.history import History, Origin, Search
from lr_demo.runs.importing import Importer
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunHandle, RunPhase
from lr_demo.runs.sweep import Swept, Value
from lr_demo.runs.sweeping import Sweeps
from lr_demo.runs.trace_check import MOST_BYTES
from lr_demo.ui.comparison_view import ComparisonView, comparison_view
from lr_demo.ui.controls import MODE_NAMES, VERIFIER_CHOICES, available_modes, available_verifiers, fitting
from lr_demo.ui.examples import EXAMPLES
from lr_demo.ui.explore_views import (
    HistoryView,
    SweepLine,
    expected_answer,
    history_view,
    sweep_line,
    sweep_view,
)
from lr_demo.ui.fleet_routes import from_our_page
from lr_demo.ui.share import settings_link
from lr_demo.ui.views import View, setting_labels


class HistoryQuery(BaseModel):
    """What is looked for; an empty value fits every run."""

    model_config = ConfigDict(extra="forbid")

    words: str = Field(default="", max_length=200)
    mode: str = Field(default="", max_length=60)
    profile: str = Field(default="", max_length=100)
    status: RunPhase | None = None
    origin: Origin | None = None
    correct: bool | None = None
    offset: int = Field(default=0, ge=0)


class ShareView(View):
    """The queries of the links to a run."""

    run: str
    settings: str | None
    problem: str | None
    """Why there is no link with its settings."""


class ImportView(View):
    run: str
    cut_short: bool
    known: bool
    renamed: bool
    events: int
    began: str
    hardware: str


class ChoiceView(View):
    value: str
    name: str


class SweepFormView(View):
    """What a sweep starts from."""

    prompt: str
    mode: str
    modes: list[ChoiceView]
    verifiers: list[ChoiceView]
    labels: list[str]
    """The other settings, in words."""
    max_tokens: int
    source: str
    """Where they come from."""


class SweepIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    prompt: str
    source: str | None = None
    """The run whose settings are the base; None for the profile's defaults."""
    mode: Mode
    max_tokens: int
    setting: Swept
    values: list[Value] = Field(max_length=100)
    repeats: int = 1
    """Runs for each value, with other seeds."""


def explore_router(manager: RunManager, sweeps: Sweeps) -> APIRouter:
    """The routes of the Explore page."""
    router = APIRouter(prefix="/explore")
    ours = [Depends(from_our_page)]
    history = History(manager.store, manager.hardware, lambda: _running(manager), expected_answer)
    importer = Importer(manager.store)

    @router.get("/runs")
    def runs(query: Annotated[HistoryQuery, Query()]) -> HistoryView:
        """A page of the history, the newest run first."""
        return history_view(history.page(Search(**query.model_dump(exclude={"offset"})), query.offset))

    @router.get("/compare")
    def compare(runs: Annotated[str, Query(max_length=300)]) -> ComparisonView:
        """Several runs beside each other, their ids separated by commas."""
        ids = list(dict.fromkeys(filter(None, (run.strip() for run in runs.split(",")))))
        if not LEAST_RUNS <= len(ids) <= MOST_RUNS:
            raise HTTPException(422, f"{len(ids)} runs were chosen: {LEAST_RUNS} to {MOST_RUNS} can be compared")
        try:
            races = [manager.race(run) for run in ids]
        except UserError as error:
            raise HTTPException(404, str(error)) from None
        for race in races:
            if race.run.started is None:
                raise HTTPException(409, f"the run {race.id} has not begun yet: compare it when it has")
        return comparison_view(races, manager.hardware)

    @router.get("/runs/{run}/share")
    def share(run: str) -> ShareView:
        """Links that open the run, and the Live page with its prompt and settings."""
        handle = _find(manager, run)
        try:
            return ShareView(
                run=f"?race={handle.id}", settings=settings_link(handle.prompt, handle.settings), problem=None
            )
        except UserError as error:
            return ShareView(run=f"?race={handle.id}", settings=None, problem=str(error))

    @router.post("/import", status_code=201, dependencies=ours)
    async def take(request: Request) -> ImportView:
        """Take in a trace that somebody else made: the file's bytes as they are."""
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > MOST_BYTES:
                raise HTTPException(413, f"this file is too large: traces of up to {MOST_BYTES:,} bytes are taken")
        try:
            taken = await asyncio.to_thread(importer.take, bytes(content))
        except TraceError as error:
            raise HTTPException(422, str(error)) from None
        return ImportView(
            run=taken.run,
            cut_short=taken.cut_short,
            known=taken.known,
            renamed=taken.renamed,
            events=taken.events,
            began=taken.started.started_at,
            hardware=taken.started.hardware,
        )

    @router.get("/sweep-form")
    def form(source: str | None = None, mode: Mode | None = None) -> SweepFormView:
        """What a sweep would start from: a run's prompt and settings, or an example and the profile's."""
        settings, prompt = _base(manager, source), EXAMPLES[0].prompt
        said = f"the defaults of profile {manager.profile.name}"
        if source:
            prompt, said = _find(manager, source).prompt, f"run {source}"
        settings = fitting(manager.profile, settings)
        if mode is not None and mode in available_modes(manager.profile) and mode is not settings.mode:
            settings = settings.model_copy(update={"mode": mode, "threshold": None})
        return SweepFormView(
            prompt=prompt,
            mode=settings.mode.value,
            modes=[ChoiceView(value=each, name=MODE_NAMES[each]) for each in available_modes(manager.profile)],
            verifiers=[
                ChoiceView(value=each, name=VERIFIER_CHOICES[each]) for each in available_verifiers(manager.profile)
            ],
            labels=setting_labels(settings)[:-1],
            max_tokens=settings.max_tokens,
            source=said,
        )

    @router.get("/sweeps")
    def all_sweeps() -> list[SweepLine]:
        return [sweep_line(sweep) for sweep in sweeps.all()]

    @router.post("/sweeps", status_code=202, dependencies=ours)
    async def start(wish: SweepIn) -> SweepLine:
        """Begin a sweep: its runs follow one another, among the others that are queued."""
        try:
            base = await asyncio.to_thread(_wanted, manager, wish)
            return sweep_line(sweeps.start(wish.prompt, base, wish.setting, wish.values, wish.repeats))
        except UserError as error:
            raise HTTPException(409, str(error)) from None

    @router.get("/sweeps/{sweep}/events")
    async def follow(sweep: str) -> EventSourceResponse:
        """A sweep as it is now, then after every change; `end` where it has ended."""
        try:
            sweeps.get(sweep)
        except UserError as error:
            raise HTTPException(404, str(error)) from None
        return EventSourceResponse(_sweep_messages(sweeps, sweep))

    @router.post("/sweeps/{sweep}/stop", status_code=202, dependencies=ours)
    async def stop(sweep: str) -> SweepLine:
        """Stop its run under way and start no more of it."""
        try:
            sweeps.stop(sweep)
            return sweep_line(sweeps.get(sweep))
        except UserError as error:
            raise HTTPException(404, str(error)) from None

    return router


def _running(manager: RunManager) -> frozenset[str]:
    handles = (handle for race in manager.races() for handle in race.handles)
    return frozenset(handle.id for handle in handles if handle.phase is RunPhase.RUNNING)


def _find(manager: RunManager, run: str) -> RunHandle:
    try:
        return manager.get(run)
    except UserError as error:
        raise HTTPException(404, str(error)) from None


def _base(manager: RunManager, source: str | None) -> RunSettings:
    return _find(manager, source).settings if source else manager.profile.defaults


def _wanted(manager: RunManager, wish: SweepIn) -> RunSettings:
    """The settings that a sweep starts from.

    Raises:
        ConfigError: a value is out of range.
    """
    base = _base(manager, wish.source)
    changed: dict[str, object] = {"max_tokens": wish.max_tokens}
    if wish.mode is not base.mode:
        changed["mode"] = wish.mode
    return parse_settings(base, changed)


async def _sweep_messages(sweeps: Sweeps, sweep: str) -> AsyncIterator[ServerSentEvent]:
    async with aclosing(sweeps.follow(sweep)) as states:
        async for state in states:
            yield ServerSentEvent(event="sweep", data=sweep_view(state).model_dump_json())
    yield ServerSentEvent(event="end", data="{}")
