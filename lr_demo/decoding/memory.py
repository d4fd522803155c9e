"""What one run leaves to the next on the same servers, for mode auto: means that forget."""

from dataclasses import dataclass, field

from lr_demo.mean import Mean
from lr_demo.prediction import Costs

_KEPT_TOKENS = 200.0
"""A pace is the mean over about so many tokens, the latest ones most."""
_KEPT_STEPS = 25.0
"""Acceptance, lengths and times of verdicts likewise, over so many steps."""
USUAL_STEP = 40.0
"""Tokens of a step before any was seen."""
_FROM_BEFORE = 3.0
"""What earlier runs tell of acceptance counts as so many verdicts, …"""
_PACE_FROM_BEFORE = 40.0
"""… and of a pace as so many tokens."""


def token_mean() -> Mean:
    return Mean(_KEPT_TOKENS)


def step_mean() -> Mean:
    return Mean(_KEPT_STEPS)


@dataclass
class Memory:
    """Figures of runs on the same servers; one run leaves it to the next."""

    target: dict[tuple[int, bool], Mean] = field(default_factory=dict)
    """Seconds of a token by (sequences in flight, whether draft or judge were at work)."""
    start: Mean = field(default_factory=step_mean)
    """Seconds from a target request to its first token, over a token's time."""
    draft: Mean = field(default_factory=token_mean)
    """Seconds of a drafted token, mostly beside the target."""
    draft_alone: Mean = field(default_factory=token_mean)
    """The same while the target is at rest, as when it has asked the draft and waits."""
    proposal: Mean = field(default_factory=step_mean)
    """Seconds that a pass of the target takes longer for each token proposed to it."""
    draft_start: Mean = field(default_factory=step_mean)
    target_length: Mean = field(default_factory=step_mean)
    draft_length: Mean = field(default_factory=step_mean)
    verdict: Mean = field(default_factory=step_mean)
    """Seconds of a verdict that the verifier was asked for."""
    identical: Mean = field(default_factory=step_mean)
    """Whether an accepted step was accepted at once."""
    accepted: Mean = field(default_factory=step_mean)
    trust: Mean = field(default_factory=step_mean)
    """Seconds that lookahead was predicted to take over those it took."""
    helped: dict[int, Mean] = field(default_factory=dict)
    """Seconds of a token by sequences in flight, where drafted steps are proposed to the target."""
    ahead: Mean = field(default_factory=token_mean)
    """Seconds of a token of plain decoding while the draft writes ahead for the target's proposals."""
    agreed: Mean = field(default_factory=token_mean)
    """Whether a drafted token is the target's, those of the step before it being so."""

    @classmethod
    def of(cls, costs: Costs, *, verdicts: bool, paces: bool = True) -> "Memory":
        """What a probe of the servers found; with `verdicts`, what it says of those is true of this verifier.

        `paces`: what it says of the plain target's paces is true of this target.
        """
        memory, alone = cls(), costs.target.seconds(1)
        if paces:
            known = {(n, False): seconds for n, seconds in costs.target.pass_s}
            for key, seconds in (known | {(1, True): alone * costs.target_slowed}).items():
                memory.target[key] = token_mean()
                memory.target[key].add(seconds * _PACE_FROM_BEFORE, _PACE_FROM_BEFORE)
        memory.start.add(costs.target.start_s + costs.target.read_s * USUAL_STEP)  # behind a drafted step
        memory.proposal.add(costs.proposal_s)
        if costs.draft is not None:
            drafting = costs.draft.seconds(1) * _PACE_FROM_BEFORE
            memory.draft.add(drafting * costs.draft_slowed, _PACE_FROM_BEFORE)
            memory.draft_alone.add(drafting, _PACE_FROM_BEFORE)
            memory.draft_start.add(costs.draft.start_s)
        if verdicts:
            memory.verdict.add(costs.verdict_s)
        return memory

    def take(self, other: "Memory") -> None:
        """Know what the other knows."""
        self.__dict__.update(other.__dict__)

    def for_another_run(self) -> "Memory":
        """A copy that what comes soon outweighs."""
        pace, steps = _PACE_FROM_BEFORE, _FROM_BEFORE
        return Memory(
            {key: mean.at_most(pace) for key, mean in self.target.items()},
            self.start.at_most(steps),
            self.draft.at_most(pace),
            self.draft_alone.at_most(pace),
            self.proposal.at_most(steps),
            self.draft_start.at_most(steps),
            self.target_length.at_most(steps),
            self.draft_length.at_most(steps),
            self.verdict.at_most(steps),
            self.identical.at_most(steps),
            self.accepted.at_most(steps),
            self.trust.at_most(_KEPT_STEPS),
            {n: mean.at_most(pace) for n, mean in self.helped.items()},
            self.ahead.at_most(steps),  # another prompt, another agreement: it is soon tried anew
            self.agreed.at_most(steps),
        )
