"""Our own routes for the Learn page: the lessons with their events, and the theory for a set of numbers."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response

from lr_demo.errors import TraceError
from lr_demo.events import Event, RunStarted, StepCommitted, to_json_line
from lr_demo.runs.race import recorded_settings
from lr_demo.ui.lessons import Group, Lesson, Lessons
from lr_demo.ui.stages import Pointer, StageKind
from lr_demo.ui.theory_view import TheoryQuery, theory_figures, theory_view
from lr_demo.ui.views import View, setting_labels


class StageView(View):
    kind: StageKind
    seq: int
    cycle: int
    text: str
    pointer: Pointer
    step: int | None
    accepted: bool | None
    note: str


class AloneView(View):
    """What the target needed for the same problem alone."""

    tokens: int
    seconds: float
    started_at: str


class LessonLine(View):
    """A lesson in the list."""

    key: str
    group: Group
    title: str
    intro: str


class LessonView(LessonLine):
    """A lesson without its events."""

    prompt: str
    models: dict[str, str]
    labels: list[str]
    started_at: str
    hardware: str
    simulated: bool
    stages: list[StageView]
    alone: AloneView | None


def learn_router(lessons: Lessons) -> APIRouter:
    """The routes of the Learn page. They need no model server."""
    router = APIRouter(prefix="/learn")

    @router.get("/lessons")
    def index() -> list[LessonLine]:
        return [_line(lesson) for lesson in lessons.all()]

    @router.get("/lessons/{key}")
    def lesson(key: str) -> Response:
        """A lesson, its stages, and all events of its run."""
        try:
            events = lessons.events(key)
            view = _view(lessons, key, events)
        except TraceError as error:
            raise HTTPException(404, str(error)) from None
        lines = ",".join(to_json_line(event) for event in events)
        return _json(f'{{"lesson":{view.model_dump_json()},"events":[{lines}]}}')

    @router.get("/theory")
    def theory(query: Annotated[TheoryQuery, Query()]) -> Response:
        """Speedups by the formulas, and the figures."""
        figures = ",".join(f'"{name}":{figure}' for name, figure in theory_figures(query).items())
        return _json(f'{{"view":{theory_view(query).model_dump_json()},"figures":{{{figures}}}}}')

    return router


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


def _line(lesson: Lesson) -> LessonLine:
    return LessonLine(key=lesson.key, group=lesson.group, title=lesson.title, intro=lesson.intro)


def _view(lessons: Lessons, key: str, events: list[Event]) -> LessonView:
    started = events[0]
    assert isinstance(started, RunStarted), "a trace that can be read begins with the start of a run"
    stages = [StageView.model_validate(stage, from_attributes=True) for stage in lessons.stages(key)]
    return LessonView(
        **_line(lessons.get(key)).model_dump(),
        prompt=started.prompt,
        models=started.models,
        labels=[started.profile, *setting_labels(recorded_settings(started.settings))],
        started_at=started.started_at,
        hardware=started.hardware,
        simulated=started.simulated,
        stages=stages,
        alone=_alone(lessons.alone(key)),
    )


def _alone(events: list[Event] | None) -> AloneView | None:
    if events is None or not isinstance(events[0], RunStarted):
        return None
    tokens = sum(event.tokens for event in events if isinstance(event, StepCommitted))
    return AloneView(tokens=tokens, seconds=events[-1].t, started_at=events[0].started_at)
