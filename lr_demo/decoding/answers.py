"""Reads the final answer out of a text."""

import re

_LABELLED = re.compile(
    r"(?:####|(?:final )?answer(?: is)?\s*[:=]?)\s*\**\s*\$?\s*(-?\d[\d,]*(?:\.\d+)?)", re.IGNORECASE
)
_BOXED = r"\boxed{"


def boxed(text: str) -> str | None:
    r"""The content of the last complete `\boxed{…}`, nested braces included; None where there is none."""
    start = text.rfind(_BOXED)
    while start >= 0:
        depth = 1
        begin = start + len(_BOXED)
        for index in range(begin, len(text)):
            depth += {"{": 1, "}": -1}.get(text[index], 0)
            if depth == 0:
                return text[begin:index].strip()
        start = text.rfind(_BOXED, 0, start)
    return None


def final_answer(text: str) -> str | None:
    r"""The answer that a text states: the last `\boxed{…}`, else the last number called the answer."""
    found = boxed(text)
    if found is not None:
        return found
    labelled = _LABELLED.findall(text)
    return labelled[-1] if labelled else None
