"""What the README says was recorded is what the rows in `assets/measurements` add up to."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from lr_demo.benchmark.problems import Row, read_lines, totals
from lr_demo.events import RunStatus
from scripts import measurements
from scripts.measurements import FOLDER, keep, tell

FILES = sorted(FOLDER.glob("*.jsonl"))
README = FOLDER.parents[1] / "README.md"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_readme_holds_what_the_rows_add_up_to(file: Path) -> None:
    console = Console(file=StringIO(), width=200)
    tell(console, file)
    assert isinstance(console.file, StringIO)
    told = {line.strip() for line in console.file.getvalue().splitlines()}
    assert told <= {line.strip() for line in README.read_text(encoding="utf-8").splitlines()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_row_is_a_whole_run_and_says_when_and_on_what_it_was_measured(file: Path) -> None:
    rows = read_lines(file, Row)
    assert all(row.hardware and row.measured_at and row.summary.status is RunStatus.FINISHED for row in rows)
    assert len({(row.summary.profile, row.question, row.scheme) for row in rows}) == len(rows)
    assert FILES


def test_rows_that_are_kept_without_texts_add_up_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurements, "FOLDER", tmp_path)
    recorded, source = read_lines(FILES[0], Row), tmp_path / "problems"
    questions = list(dict.fromkeys(row.question for row in recorded))
    lines = [json.dumps({"question": f"How many? {question}", "answer": "1"}) for question in questions]
    source.write_text("\n".join(lines))
    rows = [row.model_copy(update={"question": f"How many? {row.question}"}) for row in recorded]
    unfinished = rows[-1]
    (tmp_path / "rows").write_text("".join(row.model_dump_json() + "\n" for row in rows[:-1]))
    keep(tmp_path / "rows", source, "test", "kept")
    kept = read_lines(tmp_path / "kept.jsonl", Row)
    whole = [row for row in rows if row.question != unfinished.question]
    assert totals(kept) == totals(whole)
    assert {row.question for row in kept} == {f"test {n}" for n in range(1, len(questions))}
    told = (tmp_path / "kept.jsonl").read_text()
    assert not any(row.question in told or row.summary.answer[:40] in told for row in whole)
