"""Shows a cost sheet as Markdown tables: what is expected of every scheme, and every input with its source."""

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from lr_demo.config import CostSheet
from lr_demo.cost_sheet import OFF, expected_rows
from lr_demo.forecast import bottleneck_words
from lr_demo.terminal import plain

_RIGHT = frozenset({"tokens/s", "× AR", "published × AR", "as published", "value"})


def show_cost_sheet(console: Console, sheet: CostSheet) -> None:
    """Everything that follows from a sheet, and what it follows from."""
    console.print(
        plain(f"{sheet.title}: predicted by the cost model, not measured; γ {sheet.lookahead}."), soft_wrap=True
    )
    span = f"one input off {OFF:g} ×"
    speeds = _table(
        "where", "workload", "scheme", "tokens/s", "× AR", span, "published × AR", "as published", "held back by"
    )
    for place in sheet.deployments:
        for work in sheet.workloads:
            for row in expected_rows(sheet, place, work):
                expected = row.expected
                speeds.add_row(
                    plain(place.name),
                    plain(work.name),
                    expected.name,
                    f"{expected.prediction.tokens_per_s:.0f}",
                    f"{expected.speedup:.2f}",
                    f"{row.low:.2f} to {row.high:.2f}",
                    "–" if row.published is None else f"{row.published:.2f}",
                    "–" if row.published is None else f"{row.as_published:.2f}",
                    bottleneck_words(expected.bottleneck, expected.prediction.choice).partition(":")[0],
                )
    console.print(speeds)
    for source in dict.fromkeys(work.published.source for work in sheet.workloads):
        console.print(plain(f"Published: {source}. Every other figure of this table is predicted."), soft_wrap=True)
    inputs = _table("input", "value", "verified", "source")
    for name, given in sheet.named():
        verified = "yes" if given.verified else "no"
        inputs.add_row(plain(name), f"{given.value:g}", verified, plain(given.source))
    console.print(inputs)


def _table(*headings: str) -> Table:
    table = Table(box=MARKDOWN)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in _RIGHT else "left", overflow="fold")
    return table
