"""The recorded problems that a simulated profile can show, and what else it says to a prompt."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from lr_demo.config import Profile, RunSettings
from lr_demo.config.strict import Strict
from lr_demo.errors import ConfigError
from lr_demo.models.recorded import RecordedText
from lr_demo.runs.traces import read_trace

ASSETS = Path(__file__).resolve().parents[2] / "assets"
INDEX = "recordings.yaml"
INVENTED = "Invented text (no problem is solved): seeded sentences of arithmetic, to watch a long run"
"""The prompt to which a profile of recorded text answers with invented sentences, and says so."""


class _Entry(Strict):
    """One line of the index; paths are relative to the assets."""

    title: str
    run: str
    alone: str


@dataclass(frozen=True)
class Recording:
    """A problem that was recorded."""

    title: str
    text: RecordedText


@cache
def recordings(folder: Path = ASSETS) -> tuple[Recording, ...]:
    """The recorded problems, read once.

    Raises:
        ConfigError: the index is missing or wrong.
        TraceError: a run cannot be read, or lacks one side of a step.
    """
    path = folder / INDEX
    try:
        entries = TypeAdapter(list[_Entry]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"the recordings' index {path} cannot be read: {error.strerror}; install it again") from None
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"the recordings' index {path} is wrong: {error}") from None
    return tuple(
        Recording(entry.title, RecordedText.of(read_trace(folder / entry.run), read_trace(folder / entry.alone)))
        for entry in entries
    )


def recorded_text(profile: Profile, prompt: str) -> RecordedText | None:
    """What a profile's models write to a prompt; None where that is invented or a real model's."""
    if not profile.replays:
        return None
    asked = prompt.split()
    return next((each.text for each in recordings() if each.text.prompt.split() == asked), None)


def check_shown(profile: Profile, prompt: str, settings: RunSettings) -> None:
    """Whether a profile has something to show for a prompt.

    Raises:
        ConfigError: it has no model and no recording of it, or was recorded with less; says what it can show.
    """
    if not profile.replays or prompt == INVENTED:
        return
    if recorded_text(profile, prompt) is None:
        titles = ", ".join(each.title for each in recordings())
        raise ConfigError(
            f"profile {profile.name} has no model that could solve this: it shows the problems that were recorded "
            f"({titles}) or invented text. Choose one under Example problems, or switch to a profile with models"
        )
    if settings.mode.compares_steps and settings.width > 1:
        raise ConfigError(
            f"width {settings.width}: the recorded problems were drafted once for each place. Set width to 1, or "
            "choose the example of invented text"
        )


def simulation_in_words(profile: Profile, prompt: str) -> str:
    """What a simulated run's times and text are made of; empty where that has no name."""
    costs = profile.simulation.costs
    if costs is None:
        return ""
    text = recorded_text(profile, prompt)
    said = text.source if text is not None else "invented"
    return f"Costs: {costs.in_words}. Text: {said}."
