"""What was recorded on real models (`assets/measurements`): `python -m scripts.measurements`.

`show` prints the README's tables. `keep` takes the rows of `python -m lr_demo.benchmark.problems PROBLEMS.jsonl --rows
FILE` there without their texts, for problems that are not ours to pass on.
"""

import hashlib
from pathlib import Path
from typing import Annotated

import typer
from rich.box import MARKDOWN
from rich.console import Console

from lr_demo.benchmark.problems import Problem, Row, as_table, read_lines, totals

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "measurements"

app = typer.Typer(add_completion=False)


def tell(console: Console, file: Path) -> None:
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


def without_texts(row: Row, problem: str) -> Row:
    """The row with the problem's name in place of its question, and the answer's digest in place of the answer."""
    answer = hashlib.sha256(row.summary.answer.encode()).hexdigest()[:16]
    return row.model_copy(update={"question": problem, "summary": row.summary.model_copy(update={"answer": answer})})


@app.command()
def show() -> None:
    """Print the tables of all files."""
    for file in sorted(FOLDER.glob("*.jsonl")):
        tell(Console(width=200), file)


@app.command()
def keep(
    rows: Annotated[Path, typer.Argument(help="What was recorded.")],
    problems: Annotated[Path, typer.Argument(help="The problems it was recorded with.")],
    source: Annotated[str, typer.Argument(help="Where the problems are from; they are named by it and their place.")],
    name: Annotated[str, typer.Argument(help="Of the file, without ending.")],
) -> None:
    """Keep rows without the texts of problems and answers; of each profile, problems that have all of its schemes."""
    by_profile: dict[str, list[Row]] = {}
    for row in read_lines(rows, Row):
        by_profile.setdefault(row.summary.profile, []).append(row)
    asked = read_lines(problems, Problem)
    kept = []
    for recorded in by_profile.values():
        schemes = {row.scheme for row in recorded}
        for number, problem in enumerate(asked, start=1):
            mine = {row.scheme: row for row in recorded if row.question == problem.question}
            if mine.keys() == schemes:
                kept += [without_texts(row, f"{source} {number}") for row in mine.values()]
    lines = [row.model_dump_json() + "\n" for row in kept]
    (FOLDER / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    app()
