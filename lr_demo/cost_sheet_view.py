"""Shows a cost sheet in a terminal: what is expected of every scheme, and every input with its source."""

from rich.console import Console
from rich.table import Table

from lr_demo.cost_sheet import OFF, CostSheet, expected_rows
from lr_demo.forecast import bottleneck_words
from lr_demo.terminal import plain


def show_cost_sheet(console: Console, sheet: CostSheet) -> None:
    """Everything that follows from a sheet, and what it follows from."""
    console.print(plain(f"{sheet.title}: predicted by the cost model, not measured", "bold"))
    for place in sheet.deployments:
        for work in sheet.workloads:
            table = Table(title=plain(f"{place.name}, {work.name}, γ {sheet.lookahead}"))
            for heading in ("scheme", "tokens/s", "× AR", f"one input off {OFF:g} ×", "published × AR", "held back by"):
                table.add_column(heading, justify="left" if heading in ("scheme", "held back by") else "right")
            for row in expected_rows(sheet, place, work):
                expected = row.expected
                words = bottleneck_words(expected.bottleneck, expected.prediction.choice).partition(":")[0]
                table.add_row(
                    expected.name,
                    f"{expected.prediction.tokens_per_s:.0f}",
                    f"{expected.speedup:.2f}",
                    f"{row.low:.2f} to {row.high:.2f}",
                    "–" if row.published is None else f"{row.published:.2f}",
                    words,
                )
            console.print(table)
    for source in dict.fromkeys(work.published.source for work in sheet.workloads):
        console.print(plain(f"Published: {source}."), soft_wrap=True)
    inputs = Table(title="Inputs")
    for heading in ("input", "value", "verified", "source"):
        inputs.add_column(heading, justify="right" if heading == "value" else "left", overflow="fold")
    for name, given in sheet.named():
        inputs.add_row(plain(name), f"{given.value:g}", "yes" if given.verified else "no", plain(given.source))
    console.print(inputs)
