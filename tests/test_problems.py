"""The comparison of schemes over problems: what counts as right, what is added up, what is not run again."""

import json
from pathlib import Path

import pytest

from lr_demo.benchmark.problems import Row, correct, run, totals
from tests.runs.simulated_profile import TEXT


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("18", "18", True),
        ("$18", "18", True),
        (r"\$1,200.50", "1200.5", True),
        (r"18\text{ dollars}", "18", True),
        ("18.00", "18", True),
        ("36/2", "18", True),
        ("17", "18", False),
        ("", "18", False),
        (None, "18", False),
    ],
)
def test_an_answer_is_right_when_it_means_the_expected_one(answer: str | None, expected: str, right: bool) -> None:
    assert correct(answer, expected) is right


def test_schemes_are_compared_and_problems_done_are_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))
    problems, profile, rows = tmp_path / "problems.jsonl", tmp_path / "quick.yaml", tmp_path / "rows.jsonl"
    problems.write_text("".join(json.dumps({"question": f"{n}?", "answer": "18"}) + "\n" for n in range(3)))
    profile.write_text(TEXT)
    schemes = ["ar", "lr-judge"]

    def compare(count: int) -> list[Row]:
        run(problems, str(profile), count=count, scheme=schemes, rows=rows)
        return [Row.model_validate_json(line) for line in rows.read_text().splitlines()]

    first = compare(2)
    assert [(row.problem, row.scheme) for row in first] == [(p, s) for p in ("0", "1") for s in schemes]
    everything = compare(3)
    assert everything[:4] == first
    assert [row.problem for row in everything[4:]] == ["2", "2"]
    plain, lookahead = totals(everything)
    assert (plain.scheme, plain.problems, plain.speedup, plain.acceptance) == ("ar", 3, 1.0, None)
    summaries = [row.summary for row in everything if row.scheme == "lr-judge"]
    accepted = sum(each.accepted for each in summaries)
    assert lookahead.acceptance == accepted / (accepted + sum(each.corrected for each in summaries))
    assert lookahead.speedup is not None
    assert lookahead.speedup > 0
    assert "3 problems of problems.jsonl, profile simulated-quick" in capsys.readouterr().out
