"""Whether one more sequence pays: what the target's batch costs, and how often drafted steps are kept, as measured."""

from dataclasses import dataclass

from lr_demo.events import Outcome

KNOWN_PASSES = 4
"""So many passes make the time of one known. Few: until then nothing more is let in."""
FORGOTTEN_S = 60.0
"""A time that was not measured for so long is not known any more: contexts grow, machines get busy and idle again."""
_MEMORY = 1 - 1 / 256
"""Weight of what was before, for each pass: the last 256 count."""
_KEPT = 1 - 1 / 20
"""Weight of what was before, for each step that joins an answer: the last 20 count."""


@dataclass
class _Measured:
    """Time of a pass with some number of sequences in flight."""

    at: float
    seconds: float = 0.0
    passes: float = 0.0


class BatchCost:
    """Seconds of a pass of a target, in which every sequence in flight gets on, by their number.

    A pass and not a token, so that token-level speculation with its changing luck does not blur it.
    """

    def __init__(self) -> None:
        self._measured: dict[int, _Measured] = {}

    def add(self, sequences: int, seconds: float, now: float) -> bool:
        """A pass took so long, with so many in flight all the time; `now` on the same clock as ever.

        Returns whether the time of a pass became known by it.
        """
        measured = self._measured.get(sequences)
        if measured is None or now - measured.at > FORGOTTEN_S:
            measured = self._measured[sequences] = _Measured(now)
        was_known = measured.passes >= KNOWN_PASSES
        measured.seconds = measured.seconds * _MEMORY + seconds
        measured.passes = measured.passes * _MEMORY + 1
        measured.at = now
        return not was_known and measured.passes >= KNOWN_PASSES

    def growth(self, sequences: int, now: float) -> float | None:
        """By which share the time of a pass grows with one sequence more, at least 0.

        It is the slope of the line that fits what is known from half to twice as many sequences. None where
        as many were never measured; 0 where nothing else was: trying is how it becomes known.
        """
        known = {
            count: each
            for count, each in self._measured.items()
            if each.passes >= KNOWN_PASSES and now - each.at <= FORGOTTEN_S
        }
        if not known or max(known) < sequences:
            return None
        near = [
            (count, each.seconds / each.passes, each.passes)
            for count, each in known.items()
            if sequences <= 2 * count and count <= 2 * sequences
        ]
        weight = sum(passes for _, _, passes in near)
        if len(near) < 2:
            return 0.0
        middle = sum(count * passes for count, _, passes in near) / weight
        mean = sum(time * passes for _, time, passes in near) / weight
        spread = sum(passes * (count - middle) ** 2 for count, _, passes in near)
        slope = sum(passes * (count - middle) * (time - mean) for count, time, passes in near) / spread
        now_takes = mean + slope * (sequences - middle)
        return max(0.0, slope / now_takes) if now_takes > 0 else 0.0


class Acceptance:
    """The share of drafted steps that a run keeps, of late; one half to begin with.

    A run that does not draft forgets by and by, so that it tries again.
    """

    def __init__(self) -> None:
        self._accepted = self._compared = 0.0

    def committed(self, outcome: Outcome) -> None:
        """A step joined the answer."""
        self._accepted = self._accepted * _KEPT + (outcome is Outcome.ACCEPTED)
        self._compared = self._compared * _KEPT + (outcome is not Outcome.TARGET)

    @property
    def rate(self) -> float:
        """0 to 1, without both ends."""
        return (self._accepted + 1) / (self._compared + 2)
