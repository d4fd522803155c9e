"""`make bench`: what the orchestration costs, and what the schemes gain on this machine. One table, one JSON line.

`python -m lr_demo.benchmark.bench` measures the simulated part in real time, so nothing else should run meanwhile.
"""

import asyncio
import os
import selectors
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import typer
from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.table import Table

from lr_demo.benchmark.own_problems import OWN_PROBLEMS
from lr_demo.benchmark.real_models import RealModels, measure_models
from lr_demo.benchmark.schedule import Measured, measure, servers_alone
from lr_demo.benchmark.step_cost import LONG, SHORT, StepCost, step_cost
from lr_demo.benchmark.viewers import Watched, slowdown, watched_runs
from lr_demo.cli.program import run_program
from lr_demo.config import Profile, load_profile
from lr_demo.errors import LookaheadError
from lr_demo.garbage import keep_what_is_there
from lr_demo.models.virtual_time import run_virtual
from lr_demo.serving.hardware import choose_profile
from lr_demo.terminal import plain, table_console

ACCEPTANCE, LOOKAHEAD = 0.8, 6
"""Of the run in real time: about 200 tokens/s at the published latencies."""
_TURNS, _STEPS = 12, 25
"""So often that run, of so many steps, is measured in turn with its servers alone: what else a machine does can double
what it takes, for seconds or minutes."""
_VIRTUAL = [(acceptance, lookahead) for acceptance in (0.5, 0.6, 0.8) for lookahead in (4, 6)]


class Figures(BaseModel):
    """What a machine reads of a benchmark. None where it was not measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ar_tokens_per_s: float | None
    """Plain decoding on real models; the next five are ratios to it."""
    sd_drafted: float | None
    lr: float | None
    lr_sd_ngram: float | None
    lr_sd_drafted: float | None
    auto: float | None
    schedule_over_ideal: float
    """In real time, at the pace that the simulated servers kept."""
    orchestrator_core_share: float
    """Of one core, at about 200 tokens/s, without the simulated servers themselves."""
    ms_per_event: float
    """The same work, for each event."""
    step_cost_32k_over_1k: float
    viewer_slowdown: float
    """Schedule with fifty viewers over the schedule without any."""


@dataclass(frozen=True)
class Simulated:
    """What was measured on simulated models."""

    virtual: list[Measured]
    runs: list[Measured]
    """The same run several times, in real time."""
    servers_cpu_s: list[float]
    """Processor seconds of the simulated servers alone, for the same requests: before, between and after the runs."""
    steps: StepCost
    watched: list[Watched]

    @property
    def real(self) -> Measured:
        """The run that took least processor time: what else the machine does only adds to it."""
        return min(self.runs, key=lambda run: run.cpu_s)

    @property
    def own_cpu_s(self) -> float:
        """Processor seconds of orchestration, log and trace: that run's, less what the servers took at least."""
        return self.real.cpu_s - min(self.servers_cpu_s)


def measure_simulated() -> Simulated:
    """All that needs no model: three minutes."""
    virtual = [run_virtual(measure(acceptance, lookahead)) for acceptance, lookahead in _VIRTUAL]
    runs, servers_cpu_s = _in_turns()
    return Simulated(virtual, runs, servers_cpu_s, steps=step_cost(), watched=watched_runs())


def _in_turns() -> tuple[list[Measured], list[float]]:
    """Runs in real time, and the servers alone. As in the application, imports are not searched for garbage."""
    asked = run_virtual(measure(ACCEPTANCE, LOOKAHEAD, steps=_STEPS, record=True)).asked
    runs: list[Measured] = []
    servers_cpu_s: list[float] = []
    with asyncio.Runner(loop_factory=_punctual) as runner:
        for _ in range(_TURNS):
            keep_what_is_there()
            servers_cpu_s.append(runner.run(servers_alone(asked)))
            keep_what_is_there()
            runs.append(runner.run(measure(ACCEPTANCE, LOOKAHEAD, steps=_STEPS)))
        servers_cpu_s.append(runner.run(servers_alone(asked)))
    return runs, servers_cpu_s


def _punctual() -> asyncio.AbstractEventLoop:
    """A loop whose timers end within microseconds, as the answers of a server would; epoll counts whole milliseconds.

    On it the simulated servers are late by less, and nothing else changes: a run with real models waits for sockets.
    """
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def figures(simulated: Simulated, models: RealModels | None) -> Figures:
    """The JSON line's content."""
    totals = models.totals() if models is not None else {}
    plain_rate = totals["ar"].tokens_per_s if "ar" in totals else None

    def ratio(scheme: str) -> float | None:
        found = totals[scheme].speedup if scheme in totals else None
        return None if found is None else round(found, 3)

    return Figures(
        ar_tokens_per_s=None if plain_rate is None else round(plain_rate, 2),
        sd_drafted=ratio("sd-drafted"),
        lr=ratio("lr-judge"),
        lr_sd_ngram=ratio("lr-sd-ngram"),
        lr_sd_drafted=ratio("lr-sd-drafted"),
        auto=ratio("auto"),
        schedule_over_ideal=round(simulated.real.over_kept, 5),
        orchestrator_core_share=round(simulated.own_cpu_s / simulated.real.schedule_s, 5),
        ms_per_event=round(1000 * simulated.own_cpu_s / simulated.real.events, 4),
        step_cost_32k_over_1k=round(simulated.steps.growth, 3),
        viewer_slowdown=round(slowdown(simulated.watched), 4),
    )


class _Line(NamedTuple):
    figure: str
    value: str
    measured_on: str
    bar: str = ""


def as_table(simulated: Simulated, models: RealModels | None, why_no_models: str) -> Table:
    """Every figure, a line each, with what it was measured on and what it should be."""
    one, five, _ = os.getloadavg()
    load = f"Load of the machine at the end: {one:.1f} over one minute, {five:.1f} over five; {os.cpu_count()} cores."
    table = Table(title="Lookahead Live on this machine", caption=load, caption_justify="left")
    for heading in ("figure", "value", "bar", "measured on"):
        table.add_column(heading, justify="right" if heading in ("value", "bar") else "left")
    for line in (*_schedules(simulated), *_costs(simulated), *_real(models, why_no_models)):
        table.add_row(*map(plain, (line.figure, line.value, line.bar, line.measured_on)))
    return table


def _schedules(simulated: Simulated) -> Iterator[_Line]:
    real = simulated.real
    for run in simulated.virtual:
        name = f"schedule over ideal, α {run.acceptance:g}, γ {run.lookahead}"
        yield _Line(name, f"{run.over_ideal:.5f}", "simulated, virtual time", "1.005")
    name = f"schedule over ideal, α {real.acceptance:g}, γ {real.lookahead}"
    where = f"simulated, real time, {real.tokens_per_s:.0f} tokens/s"
    yield _Line(name, f"{real.over_kept:.5f}", f"{where}; every step as long as its server took", "1.005")
    yield _Line(name, f"{real.over_ideal:.5f}", f"{where}; draft 2.5 ms, target 13 ms a token")


def _costs(simulated: Simulated) -> Iterator[_Line]:
    real, steps, watched = simulated.real, simulated.steps, simulated.watched
    where = f"simulated, real time, {real.tokens_per_s:.0f} tokens/s, {real.events / real.schedule_s:.0f} events/s"
    own = simulated.own_cpu_s
    yield _share("run with its simulated servers", [run.cpu_s for run in simulated.runs], real.schedule_s)
    yield _share("simulated servers alone", simulated.servers_cpu_s, real.schedule_s)
    yield _Line("orchestrator's share of a core: the rest", f"{own / real.schedule_s:.2%}", where, "2 %")
    yield _Line("work for an event", f"{1000 * own / real.events:.3f} ms", "the same work", "0.3 ms")
    where = "steps of 40 tokens, no time in servers"
    yield _Line(f"work for a step at {SHORT:,} tokens", f"{steps.short_ms:.2f} ms", where)
    yield _Line(f"work for a step at {LONG:,} tokens", f"{steps.long_ms:.2f} ms", where)
    yield _Line("the latter over the former", f"{steps.growth:.3f}", where, "flat: 1")
    for run in watched:
        yield _Line(f"schedule, viewers: {run.viewers}", f"{run.schedule_s:.3f} s", "simulated, real time, over HTTP")
    yield _Line("slowdown by viewers", f"{slowdown(watched):.4f}", "most viewers over none", "none: 1")


def _share(figure: str, took_s: list[float], seconds: float) -> _Line:
    """Processor seconds that the same work took each time, as shares of a core."""
    least, *more = (f"{took / seconds:.2%}" for took in sorted(took_s))
    return _Line(figure, least, f"at least; else {', '.join(more)}")


def _real(models: RealModels | None, why_no_models: str) -> Iterator[_Line]:
    if models is None:
        yield _Line("real models", "–", why_no_models)
        return
    where = f"profile {models.profile}"
    if models.ready_s is not None:
        yield _Line("servers ready after", f"{models.ready_s:.1f} s", where)
    for scheme, total in models.totals().items():
        value = f"{total.tokens_per_s or 0:.2f} tokens/s" if scheme == "ar" else f"{total.speedup or 0:.3f} × ar"
        accepted = "" if total.acceptance is None else f", {total.acceptance:.0%} of steps accepted"
        right = f"{total.right} of {total.graded} right"
        yield _Line(scheme, value, f"profile {total.profile}, {right}{accepted}")
    for scheme, reason in models.why_not.items():
        yield _Line(scheme, "–", reason)
    if models.wall_s:
        rate = f"{models.tokens / models.wall_s:.1f} tokens/s over all schemes"
        yield _Line("our share of a core, HTTP included", f"{models.cpu_s / models.wall_s:.2%}", f"{where}, {rate}")


app = typer.Typer(add_completion=False)


@app.command()
def bench(
    profile: Annotated[
        str | None, typer.Option(help="Of the real models: name or file. Default: what suits this machine.")
    ] = None,
    problems: Annotated[int, typer.Option(min=1, max=len(OWN_PROBLEMS), help="The first so many of our own.")] = 2,
    max_tokens: Annotated[int, typer.Option(min=1, help="Token limit of an answer.")] = 192,
    models: Annotated[bool, typer.Option(help="Whether real models are measured.")] = True,
) -> None:
    """Measure this machine: one table, and one JSON object as the last line."""
    progress = Console(stderr=True)
    chosen, reason = _profile(profile) if models else (None, "left out: --no-models")
    progress.print("simulated models first, in real time: three minutes", style="dim")
    simulated = measure_simulated()
    measured = None
    if chosen is not None:
        try:
            measured = measure_models(chosen, OWN_PROBLEMS[:problems], max_tokens, progress)
        except LookaheadError as error:
            reason = str(error)
    table_console().print(as_table(simulated, measured, reason))
    print(figures(simulated, measured).model_dump_json(), flush=True)


def _profile(name: str | None) -> tuple[Profile | None, str]:
    """The profile of the real models, or None and why there are none."""
    if name is None:
        name, why = choose_profile()
        if load_profile(name).simulated:
            return None, why
    chosen = load_profile(name)
    return (None, f"profile {name} has no real model") if chosen.simulated else (chosen, "")


if __name__ == "__main__":
    sys.exit(run_program(None, app, "python -m lr_demo.benchmark.bench"))
