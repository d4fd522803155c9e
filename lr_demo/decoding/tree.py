"""The tree below the accepted text: positions, and the drafted steps that lead from one to the next."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from lr_demo.decoding.reading_along import ReadingAlong
from lr_demo.decoding.step import Step


@dataclass(eq=False)
class Drafted:
    """A drafted alternative of a position."""

    position: "Position"
    alternative: int
    step: Step | None = None
    target_ids: tuple[int, ...] = ()
    """The step's ids in the target's vocabulary, once it is complete."""
    accepted: bool | None = None
    """None until decided."""
    compared: bool = False
    """Whether a verdict was given; a late or failed draft has none."""
    child: "Position | None" = None
    writing: asyncio.Task[None] | None = None
    judging: asyncio.Task[None] | None = None


@dataclass(eq=False)
class Position:
    """A place for a step: its prefix is the accepted text plus the drafted steps on the path."""

    id: int
    step: int
    """Index of the step in the answer."""
    parent: Drafted | None
    """The drafted step before it; None at the root."""
    tokens_before: int
    """Tokens of the answer before it, as the target counts them."""
    after_boundary: bool
    """False after a cut step: a draft has nothing to compare there and is not asked for."""
    target: Step | None = None
    drafted: list[Drafted] = field(default_factory=list)
    """The alternatives, in order."""
    behind: "Position | None" = None
    """Where the target's request goes on behind its own step."""
    reading: ReadingAlong = field(default_factory=ReadingAlong)
    writing: asyncio.Task[None] | None = None
    dropped: bool = False
    held: bool = False
    """Synchronous schedule: the target step waits until all drafted steps are complete."""

    def path(self) -> list[Drafted]:
        """The drafted steps from the root to here, in order."""
        steps: list[Drafted] = []
        parent = self.parent
        while parent is not None:
            steps.append(parent)
            parent = parent.position.parent
        return steps[::-1]

    def drafted_ids(self) -> list[int]:
        """The draft's ids from the root to here."""
        return [token for drafted in self.path() if drafted.step is not None for token in drafted.step.token_ids]

    def drafted_target_ids(self) -> list[int]:
        """The same in the target's vocabulary."""
        return [token for drafted in self.path() for token in drafted.target_ids]

    def subtree(self) -> Iterator["Position"]:
        """This position and all below it."""
        yield self
        for drafted in self.drafted:
            if drafted.child is not None:
                yield from drafted.child.subtree()
