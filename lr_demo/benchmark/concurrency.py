"""Throughput and latency against the number of runs at once: does lookahead help beyond one request?

`python -m lr_demo.benchmark.concurrency --profile simulated --runs 1,2,4,8` takes seconds: simulated models run in
virtual time. On any other profile real models run in real time.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lr_demo.benchmark.concurrency_figures import Level, Origin, as_table, figures, write_chart
from lr_demo.benchmark.concurrent_runs import PROMPTS, Curve, OneRun, real_run, simulated_run, streams, with_curve
from lr_demo.benchmark.problems import Problem, read_lines
from lr_demo.benchmark.schemes import SETTINGS, Scheme, why_not
from lr_demo.cli.program import run_program
from lr_demo.config import RunSettings, load_profile, parse_settings
from lr_demo.errors import ConfigError
from lr_demo.models.virtual_time import run_virtual
from lr_demo.runs.machine import machine_in_words
from lr_demo.runs.manager import RunManager
from lr_demo.terminal import plain, show_fleet, table_console

_USUAL = "ar,sd-ngram,lr-judge,lr-sd-ngram"
_WARM_UP_TOKENS = 16
_MOST_RUNS = 256


@dataclass
class _Bench:
    """Measures level after level, and keeps them."""

    origin: Origin
    prompts: Sequence[str]
    each: int
    file: Path | None
    levels: list[Level] = field(default_factory=list)

    async def level(self, run: OneRun, scheme: Scheme, settings: RunSettings, count: int) -> None:
        ran = await streams(run, self.prompts, settings, count, self.each)
        level = figures(self.origin, scheme, settings, ran)
        self.levels.append(level)
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as rows:
                rows.write(level.model_dump_json() + "\n")

    async def real(self, manager: RunManager, plans: Mapping[Scheme, RunSettings], counts: Sequence[int]) -> None:
        """Every scheme at one number of runs before the next number, so that a drift of the machine meets all alike."""
        console, run = Console(stderr=True), real_run(manager)
        await show_fleet(console, manager.follow_fleet())
        for settings in plans.values():  # servers that start on demand, and a judge's examples
            await run(self.prompts[0], settings.model_copy(update={"max_tokens": _WARM_UP_TOKENS}))
        for count in counts:
            for scheme, settings in plans.items():
                await self.level(run, scheme, settings, count)
                done = self.levels[-1]
                speed = done.tokens_per_s or 0
                said = f"{count:>3} at once  {scheme:<13} {speed:6.2f} tokens/s, {done.unfinished} did not finish"
                console.print(plain(said), soft_wrap=True)


def _schemes(names: str) -> list[Scheme]:
    try:
        return [Scheme(name.strip()) for name in names.split(",")]
    except ValueError:
        raise ConfigError(f"--scheme {names}: the schemes are {', '.join(Scheme)}, set apart by commas") from None


def _counts(numbers: str) -> list[int]:
    parts = [part.strip() for part in numbers.split(",")]
    counts = [int(part) for part in parts if part.isdecimal() and 1 <= int(part) <= _MOST_RUNS]
    if len(counts) < len(parts):
        raise ConfigError(f"--runs {numbers}: write whole numbers from 1 to {_MOST_RUNS} with commas, as 1,2,4,8")
    return counts


app = typer.Typer(add_completion=False)


@app.command()
def measure(
    profile: Annotated[str, typer.Option(help="Name of a shipped profile, or a file.")] = "simulated",
    runs: Annotated[str, typer.Option(help="Numbers of runs at once, with commas.")] = "1,2,4,8",
    scheme: Annotated[str, typer.Option(help=f"With commas: {', '.join(Scheme)}.")] = _USUAL,
    each: Annotated[int, typer.Option(min=1, help="Runs one after the other, for each of those at once.")] = 2,
    curve: Annotated[Curve, typer.Option(help="Simulated: how a token's cost grows with the batch.")] = Curve.PROFILE,
    problems: Annotated[Path | None, typer.Option(help="JSON lines: question, answer. Default: our own.")] = None,
    lookahead: Annotated[int | None, typer.Option(help="γ.")] = None,
    parallel_budget: Annotated[int | None, typer.Option(help="M, of all runs together.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Default: the model family's.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first run.")] = 1,
    max_tokens: Annotated[int | None, typer.Option(help="Token limit of an answer.")] = None,
    step_cap: Annotated[int | None, typer.Option(help="Most tokens of a step.")] = None,
    rows: Annotated[Path | None, typer.Option(help="Add every level to this file, a line of JSON each.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Write a chart here: one HTML file.")] = None,
) -> None:
    """Run several at once with several schemes: throughput, latency and acceptance against the number of runs."""
    chosen, counts = load_profile(profile), _counts(runs)
    if curve is not Curve.PROFILE and not chosen.simulated:
        raise ConfigError(f"--curve {curve} is for simulated models, and profile {chosen.name} has real ones")
    chosen = with_curve(chosen, curve)
    common = {
        "lookahead": lookahead,
        "parallel_budget": parallel_budget,
        "temperature": temperature,
        "seed": seed,
        "max_tokens": max_tokens,
        "step_cap": step_cap,
    }
    plans = {name: parse_settings(chosen.defaults, {**common, **SETTINGS[name]}) for name in _schemes(scheme)}
    for name in plans:
        if reason := why_not(chosen, name):
            raise ConfigError(f"--scheme {name}: {reason}")
    origin = Origin(
        profile=chosen.name,
        simulated=chosen.simulated,
        curve=curve.value if chosen.simulated else "",
        hardware="no model" if chosen.simulated else machine_in_words(),
        date=datetime.now().astimezone().date().isoformat(),
    )
    prompts = [problem.question for problem in read_lines(problems, Problem)] if problems is not None else PROMPTS
    bench = _Bench(origin, prompts, each, rows)
    if chosen.simulated:
        for name, settings in plans.items():
            for count in counts:
                run_virtual(bench.level(simulated_run(chosen, settings), name, settings, count))
    else:
        with RunManager(chosen) as manager:
            asyncio.run(bench.real(manager, plans, counts))
    table_console().print(as_table(bench.levels))
    if chart is not None:
        write_chart(bench.levels, chart)


if __name__ == "__main__":
    sys.exit(run_program(None, app, "python -m lr_demo.benchmark.concurrency"))
