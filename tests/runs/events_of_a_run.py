"""Events of a small run, for tests that need a log and no engine."""

from lr_demo.events import Event, Role, RunFinished, RunStarted, RunStatus, StepDelta


def started(mode: str = "lookahead", prompt: str = "1 + 2?") -> RunStarted:
    return RunStarted(
        prompt=prompt,
        mode=mode,
        profile="simulated",
        settings={"seed": 0},
        models={"target": "simulated"},
        started_at="2026-01-01T00:00:00+00:00",
    )


def delta(number: int) -> Event:
    return StepDelta(position=0, role=Role.TARGET, text=f" {number}", tokens=1)


def finished() -> RunFinished:
    return RunFinished(status=RunStatus.FINISHED, reason="end_of_sequence")
