"""What decides whether a drafted step means the same as the target's step of the same position."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Comparison:
    """A drafted step and the target's step of the same position."""

    question: str
    drafted_text: str
    target_text: str
    drafted_ids: tuple[int, ...]
    target_ids: tuple[int, ...]
    same_vocabulary: bool
    """Whether the two id sequences are of one tokenizer, and so can be compared."""
    seed: int = 0
    """Derived from run seed, position and alternative, for verifiers that draw."""


@dataclass(frozen=True, slots=True)
class DraftedStep:
    """A drafted step that is complete, while the target still writes its own of the same position."""

    text: str
    ids: tuple[int, ...]
    """In the target's vocabulary."""
    same_vocabulary: bool
    """As in `Comparison`."""
    seed: int = 0
    """As in `Comparison`."""


Foresight = Callable[[tuple[int, ...], str], str | None]
"""Is called with each further piece of the target's step, its ids and its text. Returns why the drafted step is
rejected as soon as that is certain, whatever the target still writes; until then None. A call costs O(piece)."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a verifier found."""

    accepted: bool
    score: float | None = None
    """Probability or similarity, where the verifier has one."""
    reason: str = ""


class Verifier(Protocol):
    @property
    def method(self) -> str:
        """The verifier's name, as in `config.VerifierKind`."""
        ...

    @property
    def compares_identity(self) -> bool:
        """True where equality must be exact: text equal but for white space and case is then no shortcut."""
        ...

    def foresee(self, drafted: DraftedStep) -> Foresight | None:
        """What tells early that `verify` will reject, and that equal text will be no shortcut; None where nothing can.

        Follows one attempt of the target at its step; a new attempt needs a new one.
        """
        ...

    async def verify(self, comparison: Comparison) -> Judgement:
        """Decide.

        Raises:
            ModelError: the judge or embedder did not answer; the caller counts it as a reject.
        """
        ...


class StepScorer(Protocol):
    """Scores the last step of an answer, for SpecReason."""

    async def score(self, prefix: Sequence[int]) -> float:
        """0 to 9, from the target's ids of the prompt and the answer up to and including the step.

        Raises:
            ModelError: the target did not answer.
        """
        ...
