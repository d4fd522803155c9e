"""The schemes on a profile's models over problems of our own, and what they take of our own processor time."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console

from lr_demo.benchmark.problems import Problem, Row, Totals, graded, read_prompt, run_to_end, totals
from lr_demo.benchmark.schemes import SETTINGS, Scheme, why_not
from lr_demo.config import Profile, RunSettings, parse_settings
from lr_demo.errors import ServingError
from lr_demo.events import RunStatus
from lr_demo.runs.manager import RunManager
from lr_demo.terminal import plain, show_fleet

COMPARED = ("sd-drafted", "lr-judge", "lr-sd-ngram", "lr-sd-drafted", "auto")
"""Schemes that are compared with plain decoding, those of other releases too."""


@dataclass
class RealModels:
    """What was measured on real servers."""

    profile: str
    ready_s: float | None = None
    """From the start of the fleet until every server that starts with it has answered."""
    rows: list[Row] = field(default_factory=list)
    why_not: dict[str, str] = field(default_factory=dict)
    """By scheme: why it was not measured, for people."""
    cpu_s: float = 0.0
    """Processor time of this process during all runs, HTTP included; the servers are other processes."""
    wall_s: float = 0.0
    tokens: int = 0
    """Of all answers."""

    def totals(self) -> dict[str, Totals]:
        """By scheme."""
        return {each.scheme: each for each in totals(self.rows)}


def measure_models(profile: Profile, problems: Sequence[Problem], max_tokens: int, console: Console) -> RealModels:
    """Every scheme that the profile can run, on every problem; the console is told how it goes.

    Raises:
        ServingError: the servers did not come up.
    """
    found = RealModels(profile.name)
    for scheme in COMPARED:
        reason = why_not(profile, scheme)
        if reason is not None:
            found.why_not[scheme] = reason
    schemes = [Scheme.AR, *(Scheme(scheme) for scheme in COMPARED if scheme not in found.why_not)]
    common = {"max_tokens": max_tokens, "seed": 1}
    settings = {scheme: parse_settings(profile.defaults, {**common, **SETTINGS[scheme]}) for scheme in schemes}
    began = time.monotonic()
    with RunManager(profile) as manager:
        asyncio.run(_measure(manager, problems, settings, found, began, console))
    return found


async def _measure(
    manager: RunManager,
    problems: Sequence[Problem],
    settings: Mapping[Scheme, RunSettings],
    found: RealModels,
    began: float,
    console: Console,
) -> None:
    await show_fleet(console, manager.follow_fleet())
    if manager.fleet_error is not None:
        raise ServingError(manager.fleet_error)
    found.ready_s = time.monotonic() - began
    for problem in problems:
        await read_prompt(manager, problem.question, settings.values())
        for scheme, chosen in settings.items():
            if scheme in found.why_not:
                continue
            cpu_began = time.process_time()
            race = await run_to_end(manager, problem.question, chosen)
            cpu_s = time.process_time() - cpu_began
            row = graded(problem, scheme, race)
            summary = row.summary
            if summary.status is not RunStatus.FINISHED:
                found.why_not[scheme] = f"a run {summary.status}: {summary.reason}"
                found.rows = [other for other in found.rows if other.scheme is not scheme]
                continue
            found.rows.append(row)
            found.cpu_s += cpu_s
            found.wall_s += summary.wall_s
            found.tokens += summary.output_tokens
            told = f"{scheme}: {summary.output_tokens} tokens, {summary.tokens_per_s or 0:.2f} tokens/s"
            console.print(plain(told, "dim"), soft_wrap=True)
