"""Reads what the target writes of a step beside the drafted ones: a reject may be certain before it is complete."""

from collections.abc import Callable

from lr_demo.models.protocol import Chunk
from lr_demo.verification.protocol import Foresight

Foresee = Callable[[], Foresight | None]
"""Makes what tells a drafted step's reject early; called once for each attempt of the target."""


class ReadingAlong:
    """One position's target step so far, and the drafted steps of it that are complete.

    A reject stays one where the target fails after it: asked again with the same seed, it writes the same again.
    """

    def __init__(self) -> None:
        self._written: list[Chunk] = []
        self._drafted: dict[int, Foresee] = {}
        self._watching: dict[int, Foresight] = {}

    def begin(self) -> None:
        """The target begins its step, or begins it again after a failure."""
        self._written.clear()
        made = {alternative: foresee() for alternative, foresee in self._drafted.items()}
        self._watching = {alternative: foresight for alternative, foresight in made.items() if foresight is not None}

    def target_wrote(self, chunk: Chunk) -> list[tuple[int, str]]:
        """The alternatives whose reject is certain from here on, with the reason. Each is told once for an attempt."""
        if chunk.finish is not None:  # in a moment the whole step is there to be judged
            return []
        self._written.append(chunk)
        found = []
        for alternative, foresight in self._watching.items():
            reason = foresight(chunk.token_ids, chunk.text)
            if reason is not None:
                found.append((alternative, reason))
        for alternative, _ in found:
            del self._watching[alternative]
        return found

    def drafted(self, alternative: int, foresee: Foresee) -> str | None:
        """A drafted step is complete. The reason where its reject is certain already, else it is watched."""
        self._drafted[alternative] = foresee
        foresight = foresee()
        if foresight is None:
            return None
        for chunk in self._written:
            reason = foresight(chunk.token_ids, chunk.text)
            if reason is not None:
                return reason
        self._watching[alternative] = foresight
        return None
