"""Recorded races: decoded by the real engine on simulated models in virtual time, written as traces."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lr_demo.config import Mode, Profile, RunSettings
from lr_demo.events import Event, RunFinished, RunStarted, RunStatus
from lr_demo.models.story import SeededStory, Story
from lr_demo.runs.baselines import fingerprint
from lr_demo.runs.log import EventLog
from lr_demo.runs.traces import TraceStore
from tests.decoding.scene import Scene

LOOKAHEAD = RunSettings(mode=Mode.LOOKAHEAD, max_tokens=100_000, step_cap=8192)
PROMPT = "How many seedlings are left?"
STORY = SeededStory(steps=9, tokens_per_step=12)


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(
    folder: Path,
    run: str,
    *,
    story: Story = STORY,
    settings: RunSettings = LOOKAHEAD,
    baseline: str | None = None,
    prompt: str = PROMPT,
    simulated: bool = True,
    ended: RunFinished | None = None,
    scene: Scene | None = None,
    profile: str = "simulated",
    models: dict[str, str] | None = None,
    said: Mapping[str, object] | None = None,
) -> list[Event]:
    """Decode a story and write its trace as run `run`; returns its events. `said` is more of what its start says."""
    with ThreadPoolExecutor(1) as elsewhere:  # Playwright keeps a loop running in the thread of a browser test
        outcome = elsewhere.submit((scene or Scene(story=story)).run, settings).result()
    started = RunStarted(
        prompt=prompt,
        mode=settings.mode,
        profile=profile,
        settings=settings.model_dump(mode="json"),
        models=models or {"target": "simulated", "draft": "simulated"},
        started_at="2026-11-21T10:00:00+00:00",
        simulated=simulated,
        baseline=baseline,
        hardware="a test machine",
    ).model_copy(update=said)
    finished = ended or RunFinished(status=RunStatus.FINISHED, reason="end_of_sequence")
    writer = TraceStore(folder).writer(run)
    clock = _Clock()
    log = EventLog(run, clock=clock, sink=writer)
    for event in (started, *outcome.events, finished):
        clock.now = max(clock.now, event.t)
        log.append(event)
    writer.close()
    return log.events()


def record_race(folder: Path, run: str, story: Story = STORY) -> list[Event]:
    """A run with its autoregressive baseline, whose id has a `b` behind it; returns the run's events."""
    plain = LOOKAHEAD.model_copy(update={"mode": Mode.AUTOREGRESSIVE})
    record(folder, f"{run}b", story=story, settings=plain)
    return record(folder, run, story=story, baseline=f"{run}b")


def record_own(folder: Path, run: str, profile: Profile) -> list[Event]:
    """A run of a profile's own models, as the application would have it."""
    return record(folder, run, profile=profile.name, said={"fingerprint": fingerprint(profile, LOOKAHEAD)})
