"""Finds what the page would show as mathematics, so that it can be rendered before there is a page.

`static/js/rich.js` decides; this takes whatever it could decide on. What is found in excess is never asked for.
"""

import re
from collections.abc import Iterator

_INLINE = [
    (re.compile(r"\\\(([^\n]{1,1000}?)\\\)"), False),
    (re.compile(r"\\\[([\s\S]{1,1000}?)\\\]"), True),
    (re.compile(r"\$\$([^$]{1,1000})\$\$"), True),
    (re.compile(r"\$(?![\s$])([^$\n]{1,400}?)(?<![\s\\])\$(?!\d)"), False),
]
_BOXED = "\\boxed{"
_MOST_IN_BOX = 600
_ENVIRONMENT = re.compile(r"^\s*\\begin\{(?:aligned|align\*?|gathered|gather\*?|split|cases|[pbvBV]?matrix|array)\}")
_END = re.compile(r"\\end\{[a-zA-Z*]+\}\s*$")
_MOST_CHARACTERS = 20_000


def latex_in(text: str) -> Iterator[tuple[str, bool]]:
    """Expressions without their delimiters, each with whether it stands by itself (display)."""
    body = text.rstrip()
    if len(body) > _MOST_CHARACTERS:
        return
    for pattern, display in _INLINE:
        found = pattern.search(body)
        while found is not None:
            yield found[1], display
            found = pattern.search(body, found.start() + 1)
    yield from _boxes(body)
    yield from _environments(body.split("\n"))


def _boxes(text: str) -> Iterator[tuple[str, bool]]:
    start = text.find(_BOXED)
    while start >= 0:
        depth, at = 1, start + len(_BOXED)
        last = min(len(text), at + _MOST_IN_BOX)
        while at < last and depth:
            if text[at] == "\\":
                at += 1
            elif text[at] in "{}":
                depth += 1 if text[at] == "{" else -1
            at += 1
        if not depth:
            yield text[start:at], False
        start = text.find(_BOXED, start + 1)


def _environments(lines: list[str]) -> Iterator[tuple[str, bool]]:
    for first, line in enumerate(lines):
        if not _ENVIRONMENT.match(line):
            continue
        for last in range(first, len(lines)):
            if _END.search(lines[last]):
                yield "\n".join(lines[first : last + 1]), True
                break
