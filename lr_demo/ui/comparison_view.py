"""What the Explore page is told in JSON of runs side by side: settings with what differs, figures, aligned steps."""

from collections.abc import Sequence

from lr_demo.config import Mode, RunSettings
from lr_demo.run_state import RunState
from lr_demo.runs.comparison import aligned
from lr_demo.runs.history import Origin
from lr_demo.runs.race import Race
from lr_demo.runs.summary import Summary, summarize
from lr_demo.runs.sweep import Swept
from lr_demo.ui.controls import MODE_NAMES
from lr_demo.ui.views import SHORT_NAMES, VERIFIER_NAMES, View

_NONE = "–"


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


def comparison_view(races: Sequence[Race], hardware: str) -> ComparisonView:
    """Races whose runs have started, the first of which the others are held against."""
    states = [race.run.state() for race in races]
    rows = _setting_rows(races, states)
    telling = [row for row in rows if row.name in _NAMING and len({*row.values} - {_NONE}) > 1]
    return ComparisonView(
        runs=[
            _compared(race, state, hardware, telling, place)
            for place, (race, state) in enumerate(zip(races, states, strict=True))
        ],
        settings=rows,
        steps=[
            [None if step is None else StepView.model_validate(step, from_attributes=True) for step in row]
            for row in aligned(states)
        ],
    )


def _compared(race: Race, state: RunState, hardware: str, telling: Sequence[SettingRow], place: int) -> ComparedView:
    started = state.started
    assert started is not None, "only runs that have started are compared"
    mode = SHORT_NAMES[race.run.settings.mode]
    apart = [f"{row.name} {row.values[place]}" for row in telling if row.values[place] != _NONE]
    return ComparedView(
        id=race.id,
        mode=started.mode,
        name=" · ".join([mode, *apart[:3]]),
        origin=Origin.of(started, race.run.imported, hardware),
        imported=race.run.imported,
        began=started.started_at,
        hardware=started.hardware,
        summary=summarize(state, race.baseline.state() if race.baseline is not None else None),
    )


_NAMING = ("γ", "W", "verifier", "threshold", "temperature", "seed", "schedule", "profile")
"""Settings that tell two runs of a mode apart at a glance."""


def _setting_rows(races: Sequence[Race], states: Sequence[RunState]) -> list[SettingRow]:
    columns = [_said(race.run.settings, state) for race, state in zip(races, states, strict=True)]
    names = dict.fromkeys(name for column in sorted(columns, key=len, reverse=True) for name in column)
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
    said = {"prompt": started.prompt, "mode": MODE_NAMES[mode]}
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
