"""What the README says was recorded is what the rows in `assets/measurements` add up to."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from lr_demo.benchmark.problems import Row, read_lines
from lr_demo.events import RunStatus
from scripts.measurements import FOLDER, show

FILES = sorted(FOLDER.glob("*.jsonl"))
README = FOLDER.parents[1] / "README.md"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_readme_holds_what_the_rows_add_up_to(file: Path) -> None:
    console = Console(file=StringIO(), width=200)
    show(console, file)
    assert isinstance(console.file, StringIO)
    told = {line.strip() for line in console.file.getvalue().splitlines()}
    assert told <= {line.strip() for line in README.read_text(encoding="utf-8").splitlines()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_row_is_a_whole_run_and_says_when_and_on_what_it_was_measured(file: Path) -> None:
    rows = read_lines(file, Row)
    assert all(row.hardware and row.measured_at and row.summary.status is RunStatus.FINISHED for row in rows)
    assert len({(row.question, row.scheme) for row in rows}) == len(rows)
    assert FILES
