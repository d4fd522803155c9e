"""Shows a run in a terminal: the fleet coming up, steps as they are decided, the figures at the end."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from lr_demo.events import Event, Outcome, Role, RoleDegraded, RoleRecovered, SettingChosen, StepCommitted
from lr_demo.run_state import RunState, StepKey, StepPhase, StepState
from lr_demo.runs.engine_thread import FleetView
from lr_demo.runs.log import EventLog
from lr_demo.runs.race import RunPhase
from lr_demo.runs.summary import SpeculationFigures, Summary
from lr_demo.serving.status import ServerState

_REDRAW_S = 0.08
_TAIL_CHARACTERS = 400
_WIDEST_TABLE = 200
_MARKS = {
    Outcome.ACCEPTED: ("✓ accepted", "bold green"),
    Outcome.CORRECTED: ("✎ corrected", "bold dark_orange"),
    Outcome.TARGET: ("· target", "bold blue"),
}
_STARTING = {
    ServerState.FETCHING: "fetching its weights",
    ServerState.CONVERTING: "converting its weights",
    ServerState.LOADING: "loading",
}
"""A server on its way up, in words."""
_UNSAFE = dict.fromkeys(
    (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    "\N{REPLACEMENT CHARACTER}",
)
"""Control characters and those that turn the direction of writing: a model must not move the cursor,
ring the bell, retitle the window or hide what it wrote. Tab and line break stay."""


def table_console() -> Console:
    """Standard output for tables: where it is no terminal, as wide as the widest."""
    console = Console()
    if not console.is_terminal:
        console.width = _WIDEST_TABLE
    return console


def plain(text: str, style: str = "") -> Text:
    """Text as text: never read as markup, and without anything a terminal would obey."""
    return Text(text.translate(_UNSAFE), style=style)


async def show_fleet(console: Console, views: AsyncGenerator[FleetView, None]) -> None:
    """Show the servers coming up until they are ready or have failed."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    tasks: dict[str, TaskID] = {}
    told: dict[str, ServerState] = {}
    with Progress(*columns, console=console, transient=True) as progress:
        async with aclosing(views):
            async for view in views:
                for server in view.servers:
                    detail = plain(server.detail or server.state.value).plain
                    if server.name not in tasks:
                        tasks[server.name] = progress.add_task(server.name, total=None, detail=detail)
                    done = server.state is ServerState.READY
                    share = 1.0 if done else server.progress
                    total = None if share is None else 1.0
                    progress.update(tasks[server.name], total=total, completed=share or 0.0, detail=detail)
                    if not console.is_terminal and told.get(server.name) is not server.state:
                        told[server.name] = server.state
                        console.print(plain(f"{server.name}: {server.detail or server.state.value}"), soft_wrap=True)
                if view.ready or view.error is not None:
                    return


async def show_start(console: Console, views: AsyncGenerator[FleetView, None], log: EventLog) -> None:
    """Say which servers are started for a run, until it begins."""

    async def tell() -> None:
        told: dict[str, ServerState] = {}
        async with aclosing(views):
            async for view in views:
                for server in view.servers:
                    if server.state in _STARTING and told.get(server.name) is not server.state:
                        told[server.name] = server.state
                        what = plain(f"{server.name}, which this run needs, is {_STARTING[server.state]}", "dim")
                        console.print(what, soft_wrap=True)

    telling = asyncio.create_task(tell())
    try:
        async with aclosing(log.follow()) as batches:
            await anext(batches)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


class RunView:
    """Prints a run's steps as they join the answer; in a terminal, shows beneath them what is being written."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._state = RunState()
        self._live: Live | None = (
            Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )
        self._drawn = 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    async def follow(self, log: EventLog) -> None:
        """Show a log from its start to its end."""
        async with aclosing(log.follow()) as batches:
            async for batch in batches:
                for event in batch:
                    self._take(event)
                self._draw()

    def _take(self, event: Event) -> None:
        self._state.apply(event)
        match event:
            case StepCommitted():
                self._console.print(self._committed(event))
            case RoleDegraded():
                self._console.print(plain(f"the {event.role} is out for now: {event.reason}", "yellow"))
            case RoleRecovered():
                self._console.print(plain(f"the {event.role} is back", "yellow"))
            case SettingChosen():
                self._console.print(plain(event.sentence, "dim"), soft_wrap=True)

    def _committed(self, event: StepCommitted) -> RenderableType:
        step = self._state.steps[StepKey(event.position, event.role, event.alternative)]
        word, style = _MARKS[event.outcome]
        head = Text.assemble(
            (f"{event.step + 1:>3} {word}", style), (f"  {event.tokens} tokens, {event.t:.2f} s", "dim")
        )
        verdict = step.verdict
        if verdict is not None:
            head.append_text(plain(f"  {verdict.method}" + _score(verdict.score), "dim"))
        parts: list[RenderableType] = [head, Padding(plain(step.text.strip("\n")), (0, 0, 0, 4))]
        if event.outcome is Outcome.CORRECTED:
            parts += [self._rejected(other) for other in self._rivals(event)]
        return Group(*parts)

    def _rivals(self, event: StepCommitted) -> list[StepState]:
        """The drafted steps that a correction replaces."""
        found = []
        alternative = 0
        while (step := self._state.steps.get(StepKey(event.position, Role.DRAFT, alternative))) is not None:
            if step.verdict is not None and not step.verdict.accepted:
                found.append(step)
            alternative += 1
        return found

    def _rejected(self, step: StepState) -> RenderableType:
        verdict = step.verdict
        why = f" ({verdict.method}{_score(verdict.score)}: {verdict.reason})" if verdict is not None else ""
        text = plain("instead of: ", "dim").append_text(plain(step.text.strip("\n"), "dim strike"))
        return Padding(text.append_text(plain(why, "dim italic")), (0, 0, 0, 6))

    def _draw(self) -> None:
        now = time.monotonic()
        if self._live is None or now - self._drawn < _REDRAW_S:
            return
        self._drawn = now
        self._live.update(self._in_progress(), refresh=True)

    def _in_progress(self) -> RenderableType:
        state = self._state
        if state.finished is not None:
            return Text("")
        tokens = sum(step.tokens for step in state.answer)
        writing = [step for step in state.steps.values() if step.phase is StepPhase.WRITING]
        judging = sum(step.phase is StepPhase.JUDGING for step in state.steps.values())
        drafts = sum(step.key.role is Role.DRAFT for step in writing)
        line = f"{state.t:.1f} s · {tokens} tokens in {len(state.answer)} steps · cycle {state.cycle + 1}"
        line += f" · writing: {len(writing) - drafts} target, {drafts} draft · {judging} being judged"
        parts: list[RenderableType] = [Text(line, style="reverse")]
        parts += [plain("".join(step.pieces)[-_TAIL_CHARACTERS:], "dim") for step in writing[:1]]
        return Group(*parts)


def show_summary(console: Console, summary: Summary) -> None:
    """The figures of a run as a table."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column()
    for name, value in _rows(summary):
        table.add_row(name, plain(value))
    console.print()
    console.print(table)
    if summary.simulated:
        console.print(Text("simulated: no model took part; the figures describe the schedule alone", style="yellow"))
        if summary.simulation:
            console.print(plain(summary.simulation, "yellow"), soft_wrap=True)


def _rows(summary: Summary) -> list[tuple[str, str]]:
    """Name and value of the figures that exist."""
    speed = _number(", {:.1f} tokens/s", summary.tokens_per_s)
    rows = [
        ("status", " · ".join(dict.fromkeys((summary.status.value, summary.reason)))),
        ("final answer", summary.final_answer or "none stated"),
        ("mode", f"{summary.mode}, profile {summary.profile}"),
        ("models", ", ".join(f"{role} {name}" for role, name in summary.models.items())),
        ("tokens", f"{summary.output_tokens} in {summary.wall_s:.2f} s{speed}"),
    ]
    if summary.speedup is not None:
        rows.append(("speedup", f"{summary.speedup:.2f} × the {summary.baseline_tokens_per_s:.1f} tokens/s of AR"))
    if summary.acceptance_rate is not None:
        steps = f"{summary.accepted} accepted, {summary.corrected} corrected, {summary.target_steps} not compared"
        in_a_row = _number(", {:.1f} in a row", summary.mean_accepted_run)
        rows += [("steps", steps), ("acceptance", f"{summary.acceptance_rate:.0%}{in_a_row}")]
    if summary.drafted_tokens:
        wasted = f"{summary.wasted_draft_tokens} of {summary.drafted_tokens} drafted tokens"
        rows.append(("wasted", f"{wasted}, {summary.wasted_target_tokens} target tokens"))
    if summary.verdict_latency_p50_s is not None:
        late = _number(", {:.3f} s at p95", summary.verdict_latency_p95_s)
        rows.append(("verdicts", f"{summary.verdict_latency_p50_s:.3f} s median{late}{_waited(summary)}"))
    if summary.chosen is not None:
        rows.append(("auto", f"{summary.chosen}; {summary.steps_without_lookahead} steps without lookahead"))
    if (counted := summary.speculation) is not None:
        rows.append(("speculation", _speculation(counted)))
    return rows


def _waited(summary: Summary) -> str:
    """How long the answer waited for verdicts alone, in words."""
    if summary.verdict_wait_s is None or summary.wall_s <= 0:
        return ""
    return f", {summary.verdict_wait_s:.2f} s ({summary.verdict_wait_s / summary.wall_s:.1%}) waited for nothing else"


def _speculation(counted: SpeculationFigures) -> str:
    """Token-level speculation in words."""
    if counted.acceptance_rate is None:
        return "no token was proposed"
    of_all = f"{counted.accepted_tokens} of {counted.proposed_tokens} proposed tokens accepted"
    length = _number(", {:.2f} tokens a pass with proposals", counted.mean_accepted_length)
    return f"{of_all} ({counted.acceptance_rate:.0%}){length}"


def _score(score: float | None) -> str:
    return "" if score is None else f" {score:.2f}"


def _number(form: str, value: float | None) -> str:
    return "" if value is None else form.format(value)


def phase_exit_code(phase: RunPhase) -> int:
    """Exit code of the command line for a run that ended so."""
    return {RunPhase.FINISHED: 0, RunPhase.STOPPED: 130}.get(phase, 1)
