"""Comparing answers with the expected one: as mathematics, and to an end whatever the text is."""

import subprocess

import pytest

from lr_demo import grading
from lr_demo.grading import compare, correct


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process is needed."""

    def none(*arguments: object, **options: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", none)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("18", "18", True),
        ("$18", "18", True),
        (r"\$1,200.50", "1200.5", True),
        ("18.00", "18", True),
        ("36/2", "18", True),
        (r"\text{Ben}", "Ben", True),
        ("**ben**.", "Ben", True),
        ("Ben", "Ben", True),
        ("17", "18", False),
        ("1/0", "1/0", True),
        ("", "18", False),
        ("18", "", False),
        ("", "", False),
        (None, "18", False),
        ("9" * 5000, "18", False),
    ],
)
def test_numbers_and_equal_texts_are_compared_at_once(answer: str | None, expected: str, right: bool) -> None:
    assert correct(answer, expected) is right


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        (r"18\text{ dollars}", "18", True),
        (r"\frac{36}{2}", "18", True),
        (r"x^2 + 2x + 1", "(x+1)^2", True),
        (r"\frac{1}{3}", "0.3", False),
        ("9:45", "9:55", False),
    ],
)
def test_other_answers_are_compared_as_mathematics(answer: str, expected: str, right: bool) -> None:
    assert correct(answer, expected) is right


@pytest.mark.parametrize(
    "hostile",
    [
        "__import__('os').system('false')",
        "\\frac{" * 40,
        "\0\ud800",
        "<script>alert(1)</script>",
        "{" * 300,
        "((((((" * 50,
    ],
)
def test_a_hostile_text_is_not_right_and_raises_nothing(hostile: str) -> None:
    assert not correct(hostile, "18")


def test_a_comparison_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading, "PATIENCE_S", 0.001)
    assert compare(r"\frac{37}{2}", "18 apples") is None
    assert not correct(r"\frac{37}{2}", "18 apples")
