"""How a long piece of work tells how far it is."""

from typing import Protocol


class Report(Protocol):
    """Called with the share done (0 to 1, or None where it cannot be known) and a sentence for people."""

    def __call__(self, share: float | None, sentence: str, /) -> None: ...


def part_of(report: Report, start: float, end: float) -> Report:
    """A report for one part of the work, which is `start` to `end` of the whole."""

    def scaled(share: float | None, sentence: str, /) -> None:
        report(None if share is None else start + (end - start) * share, sentence)

    return scaled
