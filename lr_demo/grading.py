"""Whether an answer means the expected one, as mathematics: bounded in time and memory, whatever the texts are.

Numbers and equal texts are compared here; for all else math-verify is asked, in a process of its own that can be ended.
"""

import re
import subprocess
import sys
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache

MOST_CHARACTERS = 300
"""Longer texts are no answers: nothing longer is parsed."""
MOST_SECONDS = 15.0
"""Of a processor, for the process that compares, its start included."""
PATIENCE_S = 4 * MOST_SECONDS
"""Wall time for it: everything else goes first."""
MOST_BYTES = 4 * 1024**3
"""Address space of that process."""

_DECORATION = re.compile(r"\\?[$]|\\(?:text|mathrm|mathbf|textbf)\{([^{}]*)\}|\\[ ,;!]|[*]{2}")
_NUMBER = re.compile(r"-?\d{1,30}(?:,\d{3})*(?:\.\d{1,30})?(?:/\d{1,30})?")


def correct(answer: str | None, expected: str) -> bool:
    """Whether an answer means the expected one; False where that cannot be told."""
    return compare(answer, expected) is True


@lru_cache(maxsize=1024)
def compare(answer: str | None, expected: str) -> bool | None:
    """Whether an answer means the expected one; None where the comparison was given up."""
    if answer is None:
        return False
    found, gold = _plain(answer), _plain(expected)
    if found == gold:
        return bool(gold)
    if not found or not gold or max(len(found), len(gold)) > MOST_CHARACTERS:
        return False
    numbers = _number(found), _number(gold)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return _verified(answer, expected)


def _plain(text: str) -> str:
    """Without dollar signs, emphasis and commands for type, letters small, spaces single."""
    return " ".join(_DECORATION.sub(lambda match: match[1] or "", text).split()).strip(" .").casefold()


def _number(text: str) -> Fraction | None:
    if not _NUMBER.fullmatch(text):
        return None
    with suppress(ValueError, ZeroDivisionError):
        return Fraction(text.replace(",", ""))
    return None


def _verified(answer: str, expected: str) -> bool | None:
    """What math-verify says, asked in a process of its own; None where it did not come to an end."""
    with suppress(subprocess.SubprocessError, OSError, UnicodeEncodeError):
        asked = "\0".join(text.replace("\0", " ") for text in (expected, answer))
        process = subprocess.run(
            [sys.executable, "-m", "lr_demo.grading"],
            input=asked.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=True,
        )
        return {b"right": True, b"wrong": False}.get(process.stdout.strip())
    return None


def _verify(expected: str, answer: str) -> bool:
    from math_verify import parse, verify  # brings sympy with it

    gold, found = (parse(f"${_DECORATION.sub(_without_dollar, text)}$") for text in (expected, answer))
    return bool(verify(gold, found))


def _without_dollar(match: re.Match[str]) -> str:
    return "" if match[0].endswith("$") else match[0]


def _limit() -> None:
    """Hold this process to little memory and time, behind everything else that the machine does."""
    import os
    import resource

    os.nice(19)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (int(MOST_SECONDS), int(MOST_SECONDS)))


if __name__ == "__main__":
    _limit()
    print("right" if _verify(*sys.stdin.buffer.read().decode().split("\0")) else "wrong")
