"""The numbers a text states, as values: what two wordings of one step of a calculation must share."""

import re
from decimal import Decimal

_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+")


def numbers(text: str) -> list[Decimal]:
    """Every number in order of appearance: `1,200.50` and `1200.5` are one value. Signs and units are left out."""
    return [Decimal(match.replace(",", "")).normalize() for match in _NUMBER.findall(text)]


def conclusion(text: str) -> Decimal | None:
    """The number a step comes to: the last it states; None where it states none."""
    found = numbers(text)
    return found[-1] if found else None
