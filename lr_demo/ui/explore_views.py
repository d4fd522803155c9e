"""What the Explore page is told in JSON: runs of the history, and sweeps."""

from functools import cache

from lr_demo.runs.history import Entry, Origin, Page
from lr_demo.runs.race import RunPhase
from lr_demo.runs.sweep import Point, Spread, Sweep, Swept
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


class RunOfPoint(View):
    """One run of a value of a sweep."""

    run: str | None
    seed: int
    phase: str
    """`waiting` before it is started, `left out` where it never was, else the run's phase."""
    problem: str
    baseline: str | None
    """Run id of its baseline; None where it has not finished."""
    finished: bool


class FiguresView(View):
    """What the runs of a value came to; None where none of them has such a figure."""

    tokens_per_s: Spread | None
    acceptance: Spread | None
    waste: Spread | None
    speedup: Spread | None
    baseline_tokens_per_s: Spread | None


class PointView(View):
    """A value of a sweep, and what its runs came to."""

    label: str
    runs: list[RunOfPoint]
    figures: FiguresView


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
    repeats: int
    """Runs for each value."""
    points: list[PointView]


class SweepLine(View):
    """A sweep in the list."""

    id: str
    prompt: str
    setting: str
    mode: str
    values: list[str]
    repeats: int
    began: str
    simulated: bool
    ended: str | None


@cache
def _answers_by_prompt() -> dict[str, str]:
    return {example.prompt: example.expected for example in EXAMPLES}


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


def sweep_line(sweep: Sweep) -> SweepLine:
    return SweepLine(
        id=sweep.id,
        prompt=sweep.prompt[:200],
        setting=_SETTING_NAMES[sweep.setting],
        mode=SHORT_NAMES[sweep.points[0].settings.mode],
        values=list(_by_value(sweep)),
        repeats=_repeats(sweep),
        began=sweep.began,
        simulated=sweep.simulated,
        ended=sweep.ended,
    )


def sweep_view(sweep: Sweep) -> SweepView:
    first, *others = [setting_labels(point.settings) for point in sweep.points]
    return SweepView(
        id=sweep.id,
        prompt=sweep.prompt,
        setting=_SETTING_NAMES[sweep.setting],
        mode=SHORT_NAMES[sweep.points[0].settings.mode],
        labels=[label for label in first if all(label in each for each in others)],
        profile=sweep.profile,
        simulated=sweep.simulated,
        hardware=sweep.hardware,
        began=sweep.began,
        ended=sweep.ended,
        repeats=_repeats(sweep),
        points=[
            PointView(
                label=label,
                runs=[_run(point, over=sweep.ended is not None) for point in points],
                figures=_figures(points),
            )
            for label, points in _by_value(sweep).items()
        ],
    )


def _by_value(sweep: Sweep) -> dict[str, list[Point]]:
    """The points of each value, by its label, in the order in which they are run."""
    found: dict[str, list[Point]] = {}
    for point in sweep.points:
        found.setdefault(value_label(point), []).append(point)
    return found


def _repeats(sweep: Sweep) -> int:
    return max(map(len, _by_value(sweep).values()))


def _run(point: Point, *, over: bool) -> RunOfPoint:
    return RunOfPoint(
        run=point.run,
        seed=point.settings.seed,
        phase=point.phase.value if point.phase is not None else "left out" if over else "waiting",
        problem=point.problem,
        baseline=point.figures.baseline if point.figures is not None else None,
        finished=point.figures is not None,
    )


def _figures(points: list[Point]) -> FiguresView:
    there = [point.figures for point in points if point.figures is not None]
    return FiguresView(
        tokens_per_s=Spread.of(figures.tokens_per_s for figures in there),
        acceptance=Spread.of(figures.acceptance for figures in there),
        waste=Spread.of(figures.waste for figures in there),
        speedup=Spread.of(figures.speedup for figures in there),
        baseline_tokens_per_s=Spread.of(figures.baseline_tokens_per_s for figures in there),
    )


def value_label(point: Point) -> str:
    """A value of a sweep in a few characters."""
    if isinstance(point.value, str):
        return VERIFIER_NAMES.get(point.value, point.value)
    return f"{point.value:g}" if isinstance(point.value, float) else str(point.value)
