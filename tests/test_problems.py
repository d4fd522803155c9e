"""The comparison of schemes over problems: what counts as right, what is added up, what is not run again."""

import json
from pathlib import Path

import pytest

from lr_demo.benchmark.problems import Row, app, as_table, read_lines, totals
from lr_demo.benchmark.schemes import Scheme
from lr_demo.cli.program import run_program
from lr_demo.events import RunStatus
from tests.runs.simulated_profile import TEXT


class Comparison:
    """Problems, a profile and kept rows in a folder, compared through the command line."""

    def __init__(self, folder: Path) -> None:
        self.problems, self.profile, self.rows = (folder / name for name in ("p.jsonl", "quick.yaml", "rows.jsonl"))
        self.problems.write_text("".join(json.dumps({"question": f"{n}?", "answer": 18}) + "\n" for n in range(3)))
        self.profile.write_text(TEXT)

    def run(self, *options: str) -> int:
        schemes = ["--scheme", "ar", "--scheme", "lr-judge"]
        files = [str(self.problems), "--profile", str(self.profile), "--rows", str(self.rows)]
        return run_program([*files, *schemes, *options], app)

    def kept(self) -> list[Row]:
        return read_lines(self.rows, Row)


@pytest.fixture
def comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))
    return Comparison(tmp_path)


def test_schemes_are_compared_and_what_is_done_is_not_run_again(
    comparison: Comparison, capsys: pytest.CaptureFixture[str]
) -> None:
    assert comparison.run("--count", "2") == 0
    first = comparison.kept()
    schemes = [Scheme.AR, Scheme.LR_JUDGE]
    assert [(row.question, row.scheme) for row in first] == [(q, s) for q in ("0?", "1?") for s in schemes]
    assert comparison.run("--count", "3") == 0
    everything = comparison.kept()
    assert everything[:4] == first
    assert [row.question for row in everything[4:]] == ["2?", "2?"]
    plain, lookahead = totals(everything)
    assert (plain.scheme, plain.problems, plain.speedup, plain.acceptance) == (Scheme.AR, 3, 1.0, None)
    summaries = [row.summary for row in everything if row.scheme is Scheme.LR_JUDGE]
    accepted = sum(each.accepted for each in summaries)
    assert lookahead.acceptance == accepted / (accepted + sum(each.corrected for each in summaries))
    assert lookahead.speedup is not None
    assert lookahead.speedup > 0
    table = as_table([plain, lookahead], "")
    assert all(column.header for column in table.columns)
    assert "3 problems of p.jsonl, profile simulated-quick" in capsys.readouterr().out


def test_answers_that_are_plain_decodings_own_are_counted(comparison: Comparison) -> None:
    files = [str(comparison.problems), "--profile", str(comparison.profile), "--rows", str(comparison.rows)]
    assert run_program([*files, "--scheme", "ar", "--scheme", "lr-exact", "--temperature", "0"], app) == 0
    plain, exact = comparison.kept()[:2]
    other = exact.model_copy(update={"summary": exact.summary.model_copy(update={"answer": "another"})})
    assert [each.same_answer for each in totals([plain, exact])] == [1, 1]
    assert [each.same_answer for each in totals([plain, other])] == [1, 0]
    assert totals([exact])[0].same_answer is None


@pytest.mark.parametrize("other", [("--seed", "2"), ("--lookahead", "1"), ("--max-tokens", "40")])
def test_runs_with_other_settings_are_not_mixed_in(comparison: Comparison, other: tuple[str, str]) -> None:
    comparison.run("--count", "1")
    comparison.run("--count", "1", *other)
    settings = [row.settings for row in comparison.kept()]
    assert len(settings) == 4
    assert settings[0] != settings[2]
    comparison.run("--count", "1")
    assert len(comparison.kept()) == 4


def test_a_run_that_did_not_finish_is_tried_again(comparison: Comparison) -> None:
    comparison.run("--count", "1")
    failed = [
        row.model_copy(update={"summary": row.summary.model_copy(update={"status": RunStatus.FAILED})})
        for row in comparison.kept()
    ]
    comparison.rows.write_text("".join(row.model_dump_json() + "\n" for row in failed))
    comparison.run("--count", "1")
    assert [row.summary.status for row in comparison.kept()] == [RunStatus.FAILED] * 2 + [RunStatus.FINISHED] * 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"question": "a", "answer": "1"}\nnonsense\n', "line 2"),
        ('{"answer": "1"}\n', "line 1, question: Field required"),
        ('{"question": "", "answer": "1"}\n', "line 1, question"),
    ],
)
def test_a_file_that_holds_no_problems_is_refused_in_a_sentence(
    comparison: Comparison, capsys: pytest.CaptureFixture[str], text: str, complaint: str
) -> None:
    comparison.problems.write_text(text)
    assert comparison.run() == 2
    assert complaint in capsys.readouterr().err


def test_what_is_not_there_is_refused_in_a_sentence(comparison: Comparison, capsys: pytest.CaptureFixture[str]) -> None:
    assert comparison.run("--scheme", "magic") == 2
    assert "'magic'" in capsys.readouterr().err
    comparison.problems.unlink()
    assert comparison.run() == 2
    assert "p.jsonl cannot be read" in capsys.readouterr().err
