"""The numbers a step states."""

from decimal import Decimal

import pytest

from lr_demo.verification.numbers import conclusion, numbers


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("16 - 3 = 13 eggs.", ["16", "3", "13"]),
        ("It costs $1,200.50, or 1200.5 dollars.", ["1200.5", "1200.5"]),
        (r"\[ \frac{80}{2} + 20 = 60.00 \]", ["80", "2", "20", "60"]),
        ("items 1,2 and 3,4000", ["1", "2", "3", "4000"]),
        (".5 of it", ["0.5"]),
        ("no number", []),
    ],
)
def test_numbers_are_read_as_values(text: str, values: list[str]) -> None:
    assert numbers(text) == [Decimal(value) for value in values]


def test_a_step_concludes_with_its_last_number() -> None:
    assert conclusion("5 + 4 = 9 dollars a day") == conclusion(r"\boxed{9.0}") == Decimal(9)
    assert conclusion("we need the total") is None
