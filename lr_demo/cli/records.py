"""`export`, `doctor`: what was recorded as a file, and what there is on this machine."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lr_demo.cli.program import say
from lr_demo.doctor import examine
from lr_demo.errors import UserError
from lr_demo.runs.export_form import ExportForm
from lr_demo.runs.recorded import open_race, open_run
from lr_demo.runs.traces import TraceStore


def export(
    run: Annotated[str, typer.Argument(help="Id of a run that has ended, or path of its trace (RUN.jsonl).")],
    form: Annotated[
        ExportForm,
        typer.Option("--as", help="Its trace, a trace for ui.perfetto.dev, or one page that opens anywhere, offline."),
    ] = ExportForm.HTML,
    out: Annotated[
        str | None, typer.Option(help="File to write; - for standard output. Default: named by the run.")
    ] = None,
) -> int:
    """Save a recorded run as a file. Starts nothing."""
    from lr_demo.ui.exports import ENDINGS, export_race

    path = Path(run)
    by_path = path.suffix == ".jsonl"
    store = TraceStore(path.parent) if by_path else TraceStore()
    race = open_race(partial(open_run, store), path.stem if by_path else run)
    content = export_race(race, form)
    if out == "-":
        sys.stdout.buffer.write(content.encode())
        return 0
    target = Path(out or f"lookahead-{race.id}.{ENDINGS[form]}")
    try:
        target.write_text(content, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"the file {target} cannot be written: {error.strerror}; give another with --out") from None
    say(f"{target}: {len(content.encode()):,} bytes", style="dim")
    return 0


def doctor() -> int:
    """Say what hardware, engines, weights and profiles there are, and what is missing."""
    examine(Console())
    return 0
