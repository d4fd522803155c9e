"""What the page is told in JSON of the profile and of races."""

import hashlib
from enum import StrEnum
from textwrap import shorten

from pydantic import BaseModel, ConfigDict

from lr_demo.config import Mode, Profile, RunSettings
from lr_demo.decoding.answers import final_answer
from lr_demo.forecast import bottleneck_words, setting_words
from lr_demo.grading import compare
from lr_demo.runs.forecasts import Forecast
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import Race, RunHandle, RunPhase
from lr_demo.runs.reasons import judge_for
from lr_demo.runs.recordings import simulation_in_words
from lr_demo.runs.roles import speculation_in_words

MOST_OF_AN_ANSWER = 120
"""Characters of a stated result that the page is given."""
VERIFIER_NAMES = {
    "exact": "exact text",
    "judge": "LLM judge",
    "embedding": "embedding",
    "cascade": "cascade",
    "random": "random",
}
SHORT_NAMES = {
    Mode.AUTOREGRESSIVE: "AR",
    Mode.SPECULATIVE: "SD",
    Mode.LOOKAHEAD: "LR",
    Mode.LOOKAHEAD_SPECULATIVE: "LR+SD",
    Mode.SPECREASON: "SpecReason",
    Mode.AUTO: "Auto",
}


class View(BaseModel):
    """The base of what goes to the page."""

    model_config = ConfigDict(frozen=True)


class ProfileView(View):
    name: str
    key: str
    """Another one for every profile, whatever its name: by it the page knows that its form is of another one."""
    description: str
    models: list[str]
    simulated: bool
    simulation: str
    """The cost model's name where the costs are stated ones; else empty."""
    on_demand: list[str]
    """Servers that start when a run first needs them."""


class LaneKind(StrEnum):
    """What a run is in a race."""

    BASELINE = "baseline"
    RIVAL = "rival"
    RUN = "run"
    """The race is named after it."""


class LaneView(View):
    """One run of a race."""

    id: str
    status: RunPhase
    kind: LaneKind
    mode: Mode
    turn: int | None
    """In which turn it is, or was, measured, from 0; lanes of one turn at the same time. None: measured earlier."""


class RaceView(View):
    """A race as the stage needs it before the first event."""

    id: str
    prompt: str
    mode: Mode
    labels: list[str]
    """The settings in words."""
    simulated: bool
    simulation: str
    """What a simulated run's times and text are made of, in words, where that can be named."""
    recorded: bool
    expected: str
    """The answer that is expected; empty where none was given."""
    judge: str
    """The model that can be asked why two steps mean the same or not; empty where there is none."""
    lanes: list[LaneView]
    """The baseline, where there is one, the rivals and the run."""


class AnswerView(View):
    """What a run answers."""

    run: str
    answer: str | None
    """What the answer states as its result; None where it states none."""
    right: bool | None
    """Whether it means the expected one; None where none is expected, or the two could not be compared."""
    invented: bool
    """Whether no model wrote it: it solves nothing, and is neither right nor wrong."""


class PredictionView(View):
    """What the cost model expects of a race's run."""

    tokens_per_s: float
    speedup: float
    """Over plain decoding, as predicted too."""
    bottleneck: str
    """What holds it back most, in words."""
    best: str
    """The fastest setting, in words."""
    best_speedup: float
    best_gain: float
    """The fastest setting's speed over this one's."""
    hindsight: float | None
    """Tokens per second expected with the acceptance and steps that the run turned out to have."""
    probed_at: str
    acceptance_source: str
    simulated: bool
    """True where the costs are those of simulated models."""


class RaceLine(View):
    """A race in a list."""

    id: str
    prompt: str
    mode: Mode
    active: bool


def profile_view(profile: Profile) -> ProfileView:
    players = {
        role: profile.servers[server].model for role, server in profile.roles.model_dump(exclude_none=True).items()
    }
    models = [f"{role} {players[role]}" for role in ("target", "draft") if role in players]
    return ProfileView(
        name=profile.name,
        key=hashlib.blake2b(profile.model_dump_json().encode(), digest_size=8).hexdigest(),
        description=profile.description,
        models=[] if profile.simulated else models,
        simulated=profile.simulated,
        simulation=profile.simulation.costs.in_words if profile.simulation.costs is not None else "",
        on_demand=[name for name, server in profile.servers.items() if getattr(server, "on_demand", False)],
    )


def race_view(race: Race, profile: Profile | None) -> RaceView:
    """What the stage is told of a race. The profile says what is not known before the run has begun."""
    started = race.run.started
    return RaceView(
        id=race.id,
        prompt=race.run.prompt,
        mode=race.run.settings.mode,
        labels=[*setting_labels(race.run.settings), *_race_labels(race, profile)],
        simulated=started.simulated if started is not None else profile is not None and profile.simulated,
        simulation=_simulation(race, profile),
        recorded=race.run.recorded,
        expected=race.expected,
        judge=judge_for(profile, race.run) if profile is not None else "",
        lanes=[_lane_view(race, handle) for handle in race.handles],
    )


def answer_views(race: Race) -> list[AnswerView]:
    """The answers of the lanes that have ended."""
    return [_answer_view(handle, race.expected) for handle in race.handles if handle.log.finished is not None]


def _answer_view(handle: RunHandle, expected: str) -> AnswerView:
    answer = final_answer(handle.state().text())
    simulated = handle.started is not None and handle.started.simulated
    invented = simulated and not any(event.type == "step_finished" and event.origin for event in handle.log.events())
    return AnswerView(
        run=handle.id,
        answer=shorten(answer, MOST_OF_AN_ANSWER, placeholder=" …") if answer is not None else None,
        right=compare(answer, expected) if expected and not invented else None,
        invented=invented,
    )


def prediction_view(forecast: Forecast) -> PredictionView:
    expected, best = forecast.expected, forecast.best
    return PredictionView(
        tokens_per_s=expected.prediction.tokens_per_s,
        speedup=expected.speedup,
        bottleneck=bottleneck_words(expected.bottleneck, expected.prediction.choice),
        best=f"{best.name} ({setting_words(best.prediction.choice)})",
        best_speedup=best.speedup,
        best_gain=best.prediction.tokens_per_s / expected.prediction.tokens_per_s,
        hindsight=forecast.hindsight,
        probed_at=forecast.probe.measured_at,
        acceptance_source=forecast.acceptance_source,
        simulated=forecast.probe.simulated,
    )


def race_lines(manager: RunManager) -> list[RaceLine]:
    """The races in memory, the newest first."""
    return [
        RaceLine(
            id=race.id,
            prompt=race.run.prompt[:200],
            mode=race.run.settings.mode,
            active=not race.over,
        )
        for race in manager.races()
    ]


def setting_labels(settings: RunSettings) -> list[str]:
    """The settings that matter in this mode, each in a few characters."""
    mode = settings.mode
    labels = []
    if mode.compares_steps:
        if mode is Mode.AUTO:
            labels.append("scheme and γ as they pay")
        else:
            labels += [f"γ {settings.lookahead}", f"W {settings.width}", settings.schedule.value]
        verifier = VERIFIER_NAMES[settings.verifier]
        limit = "" if settings.verifier == "exact" else f" {settings.effective_threshold:g}"
        labels.append(f"{verifier}{limit}")
    elif mode is Mode.SPECREASON:
        labels.append(f"score {settings.effective_threshold:g}, {settings.score_method.value}")
    labels.append("family temperature" if settings.temperature is None else f"temperature {settings.temperature:g}")
    labels += [f"seed {settings.seed}", f"up to {settings.max_tokens:,} tokens"]
    return labels


def _race_labels(race: Race, profile: Profile | None) -> list[str]:
    """Where the target's tokens are proposed, and when the baseline is measured."""
    started = race.run.started
    words = ""
    if started is not None:
        words = started.speculation
    elif profile is not None:
        words = speculation_in_words(profile, race.run.settings)
    labels = [f"speculation: {words}"] if words else []
    if race.run.imported and started is not None:
        labels.insert(0, f"imported: recorded {started.started_at[:10]} on {started.hardware or 'unknown hardware'}")
    if len(race.handles) > 1:
        labels += _turn_labels(race) or ["one lane after the other"]
    return labels


def _simulation(race: Race, profile: Profile | None) -> str:
    """At which costs its run is simulated, and what was recorded where; empty for one that is not."""
    if race.run.started is not None:
        return race.run.started.simulation
    return simulation_in_words(profile, race.run.prompt) if profile is not None else ""


def _turn_labels(race: Race) -> list[str]:
    """Which lanes are measured at the same time."""
    together = [turn for turn in race.turns if len(turn) > 1]
    if together and len(together[0]) == len(race.handles):
        return ["lanes at once, on devices of their own"]
    names = [" and ".join(SHORT_NAMES[handle.settings.mode] for handle in turn) for turn in together]
    return [f"{name} at once, on devices of their own; other lanes one after the other" for name in names]


def _lane_view(race: Race, handle: RunHandle) -> LaneView:
    kind = LaneKind.RUN if handle is race.run else LaneKind.BASELINE if handle is race.baseline else LaneKind.RIVAL
    return LaneView(id=handle.id, status=handle.phase, kind=kind, mode=handle.settings.mode, turn=race.turn_of(handle))
