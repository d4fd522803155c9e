"""Prints the README's tables of what was recorded on real models (`assets/measurements`): `-m scripts.measurements`.

Rows are added by `python -m lr_demo.benchmark.problems PROBLEMS.jsonl --rows assets/measurements/NAME.jsonl`.
"""

from pathlib import Path

from rich.box import MARKDOWN
from rich.console import Console

from lr_demo.benchmark.problems import Row, as_table, read_lines, totals

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "measurements"


def show(console: Console, file: Path) -> None:
    """One file's table, and below it when and on what its rows were recorded."""
    rows = read_lines(file, Row)
    console.print(as_table(totals(rows), box=MARKDOWN))
    days = sorted({row.measured_at[:10] for row in rows})
    hardware = sorted({row.hardware for row in rows})
    profiles = sorted({row.summary.profile for row in rows})
    tokens = sorted({row.settings.max_tokens for row in rows})
    console.print(
        f"\nRecorded on {' and '.join(days)} on {' and '.join(hardware)}: profile {' and '.join(profiles)}, "
        f"{len({row.question for row in rows})} problems, answers cut at {' and '.join(map(str, tokens))} tokens.",
        soft_wrap=True,
        highlight=False,
    )


if __name__ == "__main__":
    for file in sorted(FOLDER.glob("*.jsonl")):
        show(Console(width=200), file)
