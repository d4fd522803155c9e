"""What the Explore page is told in JSON: runs of the history, runs side by side, sweeps."""

from collections.abc import Sequence
from functools import cache

from lr_demo.config import Mode, RunSettings
from lr_demo.run_state import RunState
from lr_demo.runs.comparison import aligned
from lr_demo.runs.history import Entry, Origin, Page
from lr_demo.runs.race import Race, RunPhase
from lr_demo.runs.summary import Summary, summarize
from lr_demo.runs.sweep import Point, Sweep, Swept
from lr_demo.ui.controls import MODE_NAMES
from lr_demo.ui.examples import EXAMPLES
from lr_demo.ui.views import SHORT_NAMES, VERIFIER_NAMES, View, setting_labels

_ANSWERS = {"The allotment": "50", "The tiled hall": "18", "Lighthouses": "21", "Digits": "36"}
"""Example to its answer, where that is one number."""
_SETTING_NAMES = {
    Swept.LOOKAHEAD: "lookahead γ",
    Swept.WIDTH: "width W",
    Swept.THRESHOLD: "threshold",
    Swept.TEMPERATURE: "temperature",
    Swept.SEED: "seed",
    Swept.VERIFIER: "verifier",
}
_NONE = "–"


class RunLine(View):
    """A run in the history."""

    id: str
    prompt: str
    mode: str
    models: dict[str, str]
    profile: str
    status: RunPhase
    reason: str
    origin: Origin
    imported: bool
    concurrent: bool
    began: str
    hardware: str
    tokens: int | None
    seconds: float | None
    tokens_per_s: float | None
    acceptance: float | None
    speedup: float | None
    correct: bool | None


class HistoryView(View):
    runs: list[RunLine]
    found: int
    total: int
    modes: list[str]
    profiles: list[str]


class SettingRow(View):
    """One setting of every compared run."""

    name: str
    values: list[str]
    differs: bool


class StepView(View):
    """A step beside those of the same number."""

    text: str
    outcome: str
    tokens: int
    t: float
    relation: str | None
    note: str


class ComparedView(View):
    """One of the runs that are compared."""

    id: str
    mode: str
    name: str
    """The mode and what sets it apart, in a few words."""
    origin: Origin
    imported: bool
    began: str
    hardware: str
    summary: Summary


class ComparisonView(View):
    runs: list[ComparedView]
    settings: list[SettingRow]
    steps: list[list[StepView | None]]


class PointView(View):
    """A value of a sweep, and what its run came to."""

    label: str
    run: str | None
    phase: str
    """`waiting` before it is started, `left out` where it never was, else the run's phase."""
    problem: str
    tokens_per_s: float | None
    acceptance: float | None
    waste: float | None
    """Tokens written and thrown away, by draft and target, for each token of the answer."""
    speedup: float | None
    baseline: str | None
    baseline_tokens_per_s: float | None


class SweepView(View):
    id: str
    prompt: str
    setting: str
    mode: str
    labels: list[str]
    profile: str
    simulated: bool
    hardware: str
    began: str
    ended: str | None
    points: list[PointView]


class SweepLine(View):
    """A sweep in the list."""

    id: str
    prompt: str
    setting: str
    mode: str
    values: list[str]
    began: str
    simulated: bool
    ended: str | None


@cache
def _answers_by_prompt() -> dict[str, str]:
    return {example.prompt: _ANSWERS[example.title] for example in EXAMPLES if example.title in _ANSWERS}


def expected_answer(prompt: str) -> str | None:
    """The answer of a problem that is known here."""
    return _answers_by_prompt().get(prompt)


def history_view(page: Page) -> HistoryView:
    return HistoryView(
        runs=[_line(entry) for entry in page.entries],
        found=page.found,
        total=page.total,
        modes=list(page.modes),
        profiles=list(page.profiles),
    )


def _line(entry: Entry) -> RunLine:
    started, figures = entry.header.started, entry.figures
    return RunLine(
        id=entry.header.run,
        prompt=started.prompt[:500],
        mode=started.mode,
        models=started.models,
        profile=started.profile,
        status=entry.status,
        reason=entry.reason,
        origin=entry.origin,
        imported=entry.header.imported,
        concurrent=started.concurrent,
        began=started.started_at,
        hardware=started.hardware,
        tokens=figures.output_tokens if figures else None,
        seconds=figures.wall_s if figures else None,
        tokens_per_s=figures.tokens_per_s if figures and figures.output_tokens else None,
        acceptance=figures.acceptance_rate if figures else None,
        speedup=entry.speedup,
        correct=entry.correct,
    )


def comparison_view(races: Sequence[Race], hardware: str) -> ComparisonView:
    """Races whose runs have started, the first of which the others are held against."""
    states = [race.run.state() for race in races]
    rows = _setting_rows(races, states)
    differing = [row for row in rows if row.differs and row.name in _NAMING]
    return ComparisonView(
        runs=[
            _compared(race, state, hardware, differing, place)
            for place, (race, state) in enumerate(zip(races, states, strict=True))
        ],
        settings=rows,
        steps=[
            [None if step is None else StepView.model_validate(step, from_attributes=True) for step in row]
            for row in aligned(states)
        ],
    )


def _compared(race: Race, state: RunState, hardware: str, differing: Sequence[SettingRow], place: int) -> ComparedView:
    started = state.started
    assert started is not None, "only runs that have started are compared"
    elsewhere = race.run.imported or started.hardware != hardware
    mode = SHORT_NAMES[race.run.settings.mode]
    apart = [f"{row.name} {row.values[place]}" for row in differing if row.values[place] != _NONE]
    return ComparedView(
        id=race.id,
        mode=started.mode,
        name=" · ".join([mode, *apart[:3]]),
        origin=Origin.SIMULATED if started.simulated else Origin.RECORDED if elsewhere else Origin.MEASURED,
        imported=race.run.imported,
        began=started.started_at,
        hardware=started.hardware,
        summary=summarize(state, race.baseline.state() if race.baseline is not None else None),
    )


_NAMING = ("γ", "W", "verifier", "threshold", "temperature", "seed", "schedule", "profile")
"""Settings that tell two runs of a mode apart at a glance."""


def _setting_rows(races: Sequence[Race], states: Sequence[RunState]) -> list[SettingRow]:
    columns = [_said(race.run.settings, state) for race, state in zip(races, states, strict=True)]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [(name, [column.get(name, _NONE) for column in columns]) for name in names]
    return [
        SettingRow(name=name, values=values, differs=len(set(values)) > 1)
        for name, values in rows
        if any(value != _NONE for value in values)
    ]


def _said(settings: RunSettings, state: RunState) -> dict[str, str]:
    """Everything that a run was decoded with, in words; what means nothing in its mode is left out."""
    started = state.started
    assert started is not None, "only runs that have started are compared"
    mode = settings.mode
    said = {"prompt": started.prompt, "mode": MODE_NAMES[mode].replace(", no race", "")}
    if mode.compares_steps:
        if mode is not Mode.AUTO:
            said |= {"γ": str(settings.lookahead), "W": str(settings.width), "schedule": settings.schedule.value}
        said |= {"parallel budget M": str(settings.parallel_budget), "verifier": VERIFIER_NAMES[settings.verifier]}
    if Swept.THRESHOLD.matters(settings):
        said["threshold"] = f"{settings.effective_threshold:g}"
    if mode is Mode.SPECREASON:
        said |= {"score read as": settings.score_method.value, "first target steps": str(settings.first_target_steps)}
    temperature = "the model family’s" if settings.temperature is None else f"{settings.temperature:g}"
    said |= {
        "temperature": temperature,
        "seed": str(settings.seed),
        "most tokens": f"{settings.max_tokens:,}",
        "step cap": f"{settings.step_cap:,} tokens",
        **{f"{role} model": model for role, model in started.models.items()},
        **{f"{role} server": server for role, server in started.servers.items()},
        "token speculation": started.speculation or _NONE,
        "profile": started.profile,
        "hardware": started.hardware or _NONE,
        "beside other runs": "yes" if started.concurrent else "no",
    }
    return said


def sweep_line(sweep: Sweep) -> SweepLine:
    return SweepLine(
        id=sweep.id,
        prompt=sweep.prompt[:200],
        setting=_SETTING_NAMES[sweep.setting],
        mode=SHORT_NAMES[sweep.points[0].settings.mode],
        values=[value_label(point) for point in sweep.points],
        began=sweep.began,
        simulated=sweep.simulated,
        ended=sweep.ended,
    )


def sweep_view(sweep: Sweep, races: Sequence[Race | None]) -> SweepView:
    """A sweep, with the race of each of its points that has one."""
    settings = sweep.points[0].settings
    others = [setting_labels(point.settings) for point in sweep.points[1:]]
    swept = _SETTING_NAMES[sweep.setting]
    return SweepView(
        id=sweep.id,
        prompt=sweep.prompt,
        setting=swept,
        mode=SHORT_NAMES[settings.mode],
        labels=[label for label in setting_labels(settings) if all(label in each for each in others)],
        profile=sweep.profile,
        simulated=sweep.simulated,
        hardware=sweep.hardware,
        began=sweep.began,
        ended=sweep.ended,
        points=[_point(point, race, sweep.ended is not None) for point, race in zip(sweep.points, races, strict=True)],
    )


def _point(point: Point, race: Race | None, over: bool) -> PointView:
    phase = "left out" if over or point.problem else "waiting"
    summary = None
    if race is not None:
        phase = race.run.phase.value
        if race.run.phase is RunPhase.FINISHED:
            summary = race.summary()
    wasted = summary.wasted_draft_tokens + summary.wasted_target_tokens if summary else 0
    problem = (
        race.run.log.finished.reason if race and race.run.phase is RunPhase.FAILED and race.run.log.finished else ""
    )
    return PointView(
        label=value_label(point),
        run=point.run,
        phase=phase,
        problem=point.problem or problem,
        tokens_per_s=summary.tokens_per_s if summary else None,
        acceptance=summary.acceptance_rate if summary else None,
        waste=wasted / summary.output_tokens if summary and summary.output_tokens else None,
        speedup=summary.speedup if summary else None,
        baseline=summary.baseline if summary else None,
        baseline_tokens_per_s=summary.baseline_tokens_per_s if summary else None,
    )


def value_label(point: Point) -> str:
    """A value of a sweep in a few characters."""
    if isinstance(point.value, str):
        return VERIFIER_NAMES.get(point.value, point.value)
    return f"{point.value:g}" if isinstance(point.value, float) else str(point.value)
