"""The numbers a text states, as values: what two wordings of one step of a calculation must share."""

import re
from decimal import Decimal

from lr_demo.verification.protocol import Foresight

_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+")
_DIGIT = re.compile(r"\d")


def numbers(text: str) -> list[Decimal]:
    """Every number in order of appearance: `1,200.50` and `1200.5` are one value. Signs and units are left out."""
    return [Decimal(match.replace(",", "")).normalize() for match in _NUMBER.findall(text)]


def conclusion(text: str) -> Decimal | None:
    """The number a step comes to: the last it states; None where it states none."""
    found = numbers(text)
    return found[-1] if found else None


def disagreement(drafted: str, target: str) -> str | None:
    """How the numbers differ that two steps come to; None where they do not."""
    ours, theirs = conclusion(drafted), conclusion(target)
    return None if ours == theirs else f"the draft comes to {_said(ours)}, the target to {_said(theirs)}"


def foresee_disagreement(drafted: str) -> Foresight | None:
    """Tells early that two steps will come to different numbers.

    Only a drafted step without a number can be told early: as long as the target writes, it may still come to any
    number, but never again to none.
    """
    if conclusion(drafted) is not None:
        return None
    return lambda _, piece: "the draft comes to no number, the target states one" if _DIGIT.search(piece) else None


def _said(number: Decimal | None) -> str:
    return "no number" if number is None else f"{number:f}"
