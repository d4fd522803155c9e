"""What many runs at once came to: figures of their event logs, a table, and a chart that stands alone as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import plotly.graph_objects as go
from plotly.subplots import make_subplots
from pydantic import BaseModel
from rich.box import SIMPLE_HEAD
from rich.table import Table

from lr_demo.benchmark.schemes import Scheme
from lr_demo.config import RunSettings
from lr_demo.events import RunStatus
from lr_demo.run_state import RunState
from lr_demo.runs.summary import percentile, summarize


@dataclass(frozen=True)
class Ran:
    """A run that has ended, among others."""

    began_s: float
    """On a clock that all of them share."""
    state: RunState

    @property
    def ended_s(self) -> float:
        return self.began_s + self.state.t


class Origin(BaseModel):
    """Where figures come from; shown wherever they are."""

    profile: str
    simulated: bool
    curve: str
    """How the simulated target's batch cost grows; empty for real models."""
    hardware: str
    date: str

    def in_words(self) -> str:
        """One line for people."""
        kind = f"simulated, batch cost {self.curve}" if self.simulated else "measured"
        return f"{kind} · profile {self.profile} · {self.hardware} · {self.date}"


class Level(BaseModel):
    """One scheme with a number of runs at once, each followed by the next as long as all are busy."""

    origin: Origin
    scheme: Scheme
    runs: int
    """At once."""
    settings: RunSettings
    unfinished: int
    """Runs that failed or were stopped."""
    seconds: float
    """While all were busy: from the first start until one has no more to do."""
    tokens: int
    """That joined an answer in that time."""
    latency_p50_s: float | None
    """From the start of a run to its end."""
    latency_p95_s: float | None
    acceptance: float | None
    """accepted / (accepted + corrected)."""
    compared: float | None
    """Share of the answers' steps that were decided by comparison: 0 where lookahead was not let in."""

    @property
    def tokens_per_s(self) -> float | None:
        """Of all runs together."""
        return self.tokens / self.seconds if self.seconds > 0 else None


def figures(origin: Origin, scheme: Scheme, settings: RunSettings, streams: Sequence[Sequence[Ran]]) -> Level:
    """One level from its runs: each stream's, one after the other."""
    ran = [run for stream in streams for run in stream]
    began = min(run.began_s for run in ran)
    busy_until = min(stream[-1].ended_s for stream in streams)
    finished = [run for run in ran if run.state.status is RunStatus.FINISHED]
    summaries = [summarize(run.state) for run in ran]
    accepted, corrected, plain = (
        sum(getattr(each, name) for each in summaries) for name in ("accepted", "corrected", "target_steps")
    )
    steps = accepted + corrected + plain
    latencies = [run.state.t for run in finished]
    return Level(
        origin=origin,
        scheme=scheme,
        runs=len(streams),
        settings=settings,
        unfinished=len(ran) - len(finished),
        seconds=busy_until - began,
        tokens=sum(step.tokens for run in ran for step in run.state.answer if run.began_s + step.t <= busy_until),
        latency_p50_s=percentile(latencies, 0.50),
        latency_p95_s=percentile(latencies, 0.95),
        acceptance=accepted / (accepted + corrected) if accepted + corrected else None,
        compared=(accepted + corrected) / steps if steps else None,
    )


def over_plain(level: Level, levels: Sequence[Level]) -> float | None:
    """Throughput over that of plain decoding with as many runs; None where that was not measured."""
    plain = next((each for each in levels if each.scheme is Scheme.AR and each.runs == level.runs), None)
    own, base = level.tokens_per_s, plain.tokens_per_s if plain is not None else None
    return own / base if own is not None and base else None


def as_table(levels: Sequence[Level]) -> Table:
    """A line for each number of runs and scheme."""
    unfinished = sum(each.unfinished for each in levels)
    table = Table(
        title=f"Many runs at once: {levels[0].origin.in_words()}" if levels else "Many runs at once",
        caption=f"{unfinished} runs did not finish" if unfinished else None,
        box=SIMPLE_HEAD,
    )
    for heading in ("runs", "scheme", "tokens/s", "× AR", "median s", "p95 s", "α", "compared"):
        table.add_column(heading, justify="left" if heading == "scheme" else "right", no_wrap=True)
    for each in sorted(levels, key=lambda level: level.runs):
        table.add_row(
            str(each.runs),
            each.scheme,
            _said(each.tokens_per_s, ".1f"),
            _said(over_plain(each, levels), ".2f"),
            _said(each.latency_p50_s, ".2f"),
            _said(each.latency_p95_s, ".2f"),
            _said(each.acceptance, ".0%"),
            _said(each.compared, ".0%"),
        )
    return table


def _said(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def write_chart(levels: Sequence[Level], file: Path) -> None:
    """Throughput and latency against the number of runs, as one HTML file that needs nothing else."""
    chart = make_subplots(
        rows=1, cols=2, subplot_titles=("Throughput of all runs, tokens/s", "Latency of a run, s: median, bar to p95")
    )
    colours = ("#4d4d4d", "#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito's
    for number, scheme in enumerate(dict.fromkeys(level.scheme for level in levels)):
        own = sorted((level for level in levels if level.scheme is scheme), key=lambda level: level.runs)
        line = {
            "x": [level.runs for level in own],
            "name": scheme.value,
            "legendgroup": scheme.value,
            "mode": "lines+markers",
            "marker": {"color": colours[number % len(colours)], "symbol": number},
        }
        chart.add_trace(go.Scatter(y=[level.tokens_per_s for level in own], **line), row=1, col=1)
        above = [(level.latency_p95_s or 0) - (level.latency_p50_s or 0) for level in own]
        spread = {"type": "data", "array": above, "arrayminus": [0.0] * len(above)}
        chart.add_trace(
            go.Scatter(y=[level.latency_p50_s for level in own], error_y=spread, showlegend=False, **line),
            row=1,
            col=2,
        )
    runs = sorted({level.runs for level in levels})
    chart.update_xaxes(title_text="runs at once", type="log", tickvals=runs, ticktext=[str(count) for count in runs])
    chart.update_yaxes(rangemode="tozero")
    source = escape(levels[0].origin.in_words()) if levels else ""
    chart.update_layout(title={"text": "Many runs at once", "subtitle": {"text": source}}, template="plotly_white")
    chart.write_html(file, include_plotlyjs=True, full_html=True)
