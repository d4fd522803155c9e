"""Shows in a terminal what a probe measured and what is expected of it."""

from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lr_demo.forecast import Expectation, bottleneck_words, setting_words
from lr_demo.prediction import Costs, Pace
from lr_demo.terminal import plain


def show_costs(console: Console, costs: Costs, verifier: str) -> None:
    """The costs as tables."""
    table = Table(title="Milliseconds of a pass, by sequences at once")
    table.add_column("role")
    paces = {"target": costs.target, "target with SD": costs.speculative, "draft": costs.draft}
    known = {role: pace for role, pace in paces.items() if pace is not None}
    sizes = sorted({n for pace in known.values() for n, _ in pace.pass_s})
    for heading in (*map(str, sizes), "first token", "reading a token"):
        table.add_column(heading, justify="right")
    for role, pace in known.items():
        table.add_row(role, *(_at(pace, n) for n in sizes), _ms(pace.start_s), _ms(pace.read_s))
    console.print(table)
    if costs.draft is not None:
        console.print(
            plain(
                f"A verdict ({verifier}) takes {costs.verdict_s * 1000:.0f} ms. While the draft writes, "
                f"a target's pass takes {costs.target_slowed:.2f} × as long; while the target writes, a draft's takes "
                f"{costs.draft_slowed:.2f} ×."
                + (" Requests do not share what the target has read." if costs.unshared else "")
            ),
            soft_wrap=True,
        )


def show_expectations(console: Console, expected: Iterable[Expectation], title: str) -> None:
    """Speeds, what the time goes into, and what holds each scheme back."""
    table = Table(title=title)
    for heading in ("scheme", "setting"):
        table.add_column(heading, no_wrap=True)
    for heading in ("tokens/s", "× AR", "target", "batch", "beside", "verdict", "wait"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = list(expected)
    for row in rows:
        found, shares = row.prediction, row.prediction.shares
        parts = (shares.target, shares.batch, shares.contention, shares.verdicts, shares.draft + shares.start)
        table.add_row(
            row.name,
            setting_words(found.choice),
            f"{found.tokens_per_s:.4g}",
            f"{row.speedup:.2f}",
            *(f"{part:.0%}" for part in parts),
        )
    console.print(table)
    note = (
        "Shares of the time: target, at the pace it has alone; batch, what several sequences at once add; beside, what "
    )
    note += "the draft beside it adds; verdict and wait (for draft or prompt), in which the target does nothing for it."
    console.print(Text(note, style="dim"), soft_wrap=True)
    for row in rows[1:]:
        words = bottleneck_words(row.bottleneck, row.prediction.choice)
        console.print(plain(f"{row.name}: held back most by {words}."), soft_wrap=True)


def expectation_as_json(expected: Expectation) -> dict[str, object]:
    """One scheme, ready for JSON."""
    return {
        "scheme": expected.name,
        "setting": asdict(expected.prediction.choice),
        "tokens_per_s": expected.prediction.tokens_per_s,
        "speedup": expected.speedup,
        "shares": asdict(expected.prediction.shares),
        "bottleneck": expected.bottleneck.value,
    }


def show_note(console: Console, text: str, style: str = "dim") -> None:
    """A sentence."""
    console.print(Text(text, style=style), soft_wrap=True)


def _at(pace: Pace, sequences: int) -> str:
    found = dict(pace.pass_s).get(sequences)
    return "–" if found is None else _ms(found)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g}"
