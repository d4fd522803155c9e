"""The schemes on a profile's models over problems of our own, and what they take of our own processor time."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console

from lr_demo.benchmark.problems import Problem, Row, Totals, graded, read_prompt, run_to_end, totals
from lr_demo.benchmark.schemes import SETTINGS, Scheme, by_profile, variant
from lr_demo.config import Profile, RunSettings, parse_settings
from lr_demo.errors import ConfigError, ServingError
from lr_demo.events import RunStatus
from lr_demo.runs.manager import RunManager
from lr_demo.terminal import plain, show_fleet

COMPARED = (
    Scheme.SD_DRAFTED,
    Scheme.SD_DRAFT_MODEL,
    Scheme.LR_JUDGE,
    Scheme.LR_SD_NGRAM,
    Scheme.LR_SD_DRAFTED,
    Scheme.AUTO,
)
"""Schemes that are compared with plain decoding."""


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
        """By scheme; plain decoding as the profile itself ran it."""
        found: dict[str, Totals] = {}
        for each in totals(self.rows):
            found.setdefault(each.scheme, each)
        return found


def measure_models(profile: Profile, problems: Sequence[Problem], max_tokens: int, console: Console) -> RealModels:
    """Every scheme that the profile or a copy with other token proposals can run, on every problem; the console is told
    how it goes.

    Raises:
        ServingError: the profile's own servers did not come up.
    """
    found = RealModels(profile.name)
    schemes = [Scheme.AR]
    for scheme in COMPARED:
        try:
            variant(profile, scheme)
            schemes.append(scheme)
        except ConfigError as error:
            found.why_not[scheme] = str(error)
    for chosen, its in by_profile(profile, schemes):
        common = {"max_tokens": max_tokens, "seed": 1}
        settings = {scheme: parse_settings(chosen.defaults, {**common, **SETTINGS[scheme]}) for scheme in its}
        began = time.monotonic()
        try:
            with RunManager(chosen) as manager:
                asyncio.run(_measure(manager, problems, settings, found, began, console))
        except ServingError as error:
            if chosen is profile:
                raise
            found.why_not |= dict.fromkeys(its[1:], str(error))
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
    if found.ready_s is None:
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
                failed = (scheme, summary.profile)
                found.rows = [other for other in found.rows if (other.scheme, other.summary.profile) != failed]
                continue
            found.rows.append(row)
            found.cpu_s += cpu_s
            found.wall_s += summary.wall_s
            found.tokens += summary.output_tokens
            told = f"{scheme}: {summary.output_tokens} tokens, {summary.tokens_per_s or 0:.2f} tokens/s"
            console.print(plain(told, "dim"), soft_wrap=True)
