"""What a prediction is made of: what the servers take, what is decoded, and what can be chosen."""

from dataclasses import dataclass

from lr_demo.config import Mode, RunSettings, Schedule
from lr_demo.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a server is."""

    pass_s: tuple[tuple[int, float], ...]
    """(sequences in flight, seconds of a pass, in which each gets a token), rising; between them it is interpolated,
    beyond the last it goes on as between the last two."""
    start_s: float = 0.0
    """Seconds from a request to its first token, over what reading and the first pass take."""
    read_s: float = 0.0
    """Seconds to read a token of a prompt that is not in the server's cache."""

    def __post_init__(self) -> None:
        sizes = [n for n, _ in self.pass_s]
        if not sizes or sizes != sorted(set(sizes)) or sizes[0] < 1 or any(s <= 0 for _, s in self.pass_s):
            raise ConfigError(f"the seconds of a pass {self.pass_s} are to rise in sequences, each over 0 s")

    def seconds(self, sequences: float) -> float:
        """Seconds of a pass with so many sequences in flight, at least one."""
        points = self.pass_s
        if len(points) == 1 or sequences <= points[0][0]:
            return points[0][1]
        place = next((i for i, (n, _) in enumerate(points) if sequences <= n), len(points) - 1)
        (n, a), (m, b) = points[place - 1], points[place]
        return max(min(a, b), a + (b - a) * (sequences - n) / (m - n))


@dataclass(frozen=True, slots=True)
class Costs:
    """What the servers of a profile take."""

    target: Pace
    draft: Pace | None = None
    verdict_s: float = 0.0
    """Mean seconds of a verdict that the verifier is asked for."""
    target_slowed: float = 1.0
    """Factor on a target's pass while the draft writes; 1 where each has devices of its own."""
    draft_slowed: float = 1.0
    """Factor on a draft's pass while the target writes."""
    speculative: Pace | None = None
    """The target that SD and LR+SD run on, proposals left out; None: as `target`."""
    proposal_s: float = 0.0
    """Seconds more that a pass takes for each proposal of each sequence."""
    drafts_between: bool = False
    """Whether, in SD, the target waits while the draft writes, between two passes; else it writes beside them."""
    unshared: float = 0.0
    """Whether an expansion reads again what the others wrote since its place at the server was last used: 0 where
    requests share what was read, 1 where each has a cache of its own."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is decoded, and how well draft and target agree on it."""

    acceptance: float
    """α₁: share of compared drafted steps that are accepted, 0 to 1."""
    target_tokens: float = 40.0
    """Mean length of a target step."""
    draft_tokens: float = 40.0
    """Mean length of a drafted step."""
    spread: float = 0.0
    """Standard deviation of step lengths over their mean."""
    correlation: float = 0.5
    """Between the lengths of drafted and target step of one position, 0 to 1."""
    identical: float = 0.0
    """Share of accepted steps that are equal word for word: these need no verdict."""
    token_acceptance: float = 0.5
    """α₂: chance that a proposed token is accepted where those before it were."""
    drafted_token_acceptance: float | None = None
    """The same of proposals from drafted steps; None: as `token_acceptance`."""
    asked_token_acceptance: float | None = None
    """The same of proposals that the draft is asked for while the target waits; None: as those from drafted steps."""
    likeness: float = 0.4
    """How much alternatives add: W of them are accepted as W^likeness independent ones. 1: they are independent. The
    default fits the widths of arXiv 2506.19830, table 3."""
    answer_tokens: float = 512.0
    prompt_tokens: float = 0.0
    others: float = 0.0
    """Sequences of other runs in flight at the target."""

    def __post_init__(self) -> None:
        for name, rate in (("acceptance", self.acceptance), ("token acceptance", self.token_acceptance)):
            if not 0 <= rate <= 1:
                raise ConfigError(f"{name} {rate:g} is out of range: 0 to 1")


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen: no lookahead and no proposals is plain decoding."""

    lookahead: int = 0
    """γ; 0: no lookahead reasoning."""
    proposals: int = 0
    """Token proposals a pass; 0: no token-level speculation."""
    width: int = 1
    schedule: Schedule = Schedule.ASYNC
    budget: int = 8
    """M: most sequences of this run the target decodes at once."""
    drafted: bool = False
    """Whether proposals are what the draft writes; then there are no more than it has written."""
    writes_on: bool = True
    """Whether the target writes on behind its own step while that is judged, as the asynchronous schedule does here."""

    @staticmethod
    def of(settings: RunSettings, proposals: int = 0, drafted: bool = False) -> "Choice":
        """What settings come to on a target with so many proposals a pass.

        Raises:
            ConfigError: SpecReason is not predicted.
        """
        if settings.mode is Mode.SPECREASON:
            raise ConfigError("the speed of specreason is not predicted: choose a mode of lookahead reasoning")
        return Choice(
            settings.lookahead if settings.mode.compares_steps else 0,
            proposals if settings.mode.speculates_tokens else 0,
            settings.width,
            settings.schedule,
            settings.parallel_budget,
            drafted,
        )

    @property
    def mode(self) -> Mode:
        if self.lookahead:
            return Mode.LOOKAHEAD_SPECULATIVE if self.proposals else Mode.LOOKAHEAD
        return Mode.SPECULATIVE if self.proposals else Mode.AUTOREGRESSIVE


PLAIN = Choice()
"""Plain decoding."""
