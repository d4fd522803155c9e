"""A mean that forgets exponentially, so that it follows what changes: the load of servers, the course of an answer."""

from dataclasses import dataclass


@dataclass
class Mean:
    """A weighted mean that forgets."""

    kept: float
    """Weight beyond which the oldest is forgotten."""
    weight: float = 0.0
    total: float = 0.0

    def add(self, total: float, weight: float = 1.0) -> None:
        fade = max(0.0, 1 - weight / self.kept)
        self.weight = self.weight * fade + weight
        self.total = self.total * fade + total

    def value(self, default: float) -> float:
        return self.total / self.weight if self.weight > 0 else default

    def at_most(self, weight: float) -> "Mean":
        """The same mean with less weight."""
        share = min(1.0, weight / self.weight) if self.weight else 0.0
        return Mean(self.kept, self.weight * share, self.total * share)
