"""Speedup formulas of lookahead reasoning and speculative decoding over plain decoding (arXiv 2506.19830, section 4).

α₁, α₂ are acceptance rates per step and per token, 0 to 1; c₁, c₂ the draft's time over the target's, per step and
per token; k₁, k₂ steps and tokens looked ahead. The verifier is free, steps are equally long, and the target's time
does not depend on how many sequences it decodes at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from lr_demo.config import Schedule
from lr_demo.errors import ConfigError

MOST_AHEAD = 64
"""Largest k that an optimum is looked for at."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of speculation, of steps or of tokens."""

    acceptance: float
    """α, 0 to 1."""
    cost: float
    """c, over 0."""

    def __post_init__(self) -> None:
        if not 0 <= self.acceptance <= 1:
            raise ConfigError(f"acceptance rate {self.acceptance:g} is out of range: 0 to 1")
        if self.cost <= 0:
            raise ConfigError(f"draft time over target time {self.cost:g} is out of range: more than 0")


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best k₁ and k₂ under a parallel budget."""

    steps: int
    """k₁; 1: no lookahead reasoning."""
    tokens: int
    """k₂; 1: no speculative decoding."""
    speedup: float


def accepted_mean(acceptance: float, ahead: float) -> float:
    """Mean number of units that a round of `ahead` gives: 1 + α + … + α^(k−1)."""
    if acceptance == 1:
        return float(ahead)
    return float((1 - acceptance**ahead) / (1 - acceptance))


def token_acceptance(tokens_a_pass: float, proposals: float) -> float:
    """α₂ that gives so many tokens a pass with so many proposals; 0 to 1."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if accepted_mean(middle, proposals + 1) < tokens_a_pass else (low, middle)
    return low


def speculative(tokens: Layer, ahead: int) -> float:
    """g(k₂): speculative decoding alone, `ahead` tokens verified in one pass, one of them the target's own."""
    _check(ahead)
    return accepted_mean(tokens.acceptance, ahead) / (1 - tokens.cost + tokens.cost * ahead)


def lookahead(steps: Layer, ahead: int, schedule: Schedule = Schedule.ASYNC) -> float:
    """f(k₁): lookahead reasoning alone, `ahead` steps."""
    _check(ahead)
    alpha, cost = steps.acceptance, steps.cost
    if schedule is Schedule.SYNC:
        return accepted_mean(alpha, ahead) / (1 - cost + cost * ahead)
    if ahead >= ceil(1 / cost):
        return 1 / (cost + (1 - cost) * (1 - alpha))
    if alpha == 1:
        return float(ahead)
    drafting = alpha - alpha ** (ahead + 1) - ahead * (1 - alpha) * alpha**ahead
    return float((1 - alpha**ahead) / ((1 - alpha) + cost * drafting))


def parallel_sequences(steps: Layer, ahead: int, schedule: Schedule = Schedule.ASYNC) -> int:
    """P: sequences that the target decodes at once."""
    return ahead if schedule is Schedule.SYNC else min(ceil(1 / steps.cost), ahead)


def combined(steps: Layer, tokens: Layer, steps_ahead: int, tokens_ahead: int, schedule: Schedule) -> float:
    """f(k₁)·g(k₂): the target is faster by g in every step; the draft's share of a step is larger by as much."""
    faster = speculative(tokens, tokens_ahead)
    return lookahead(steps, steps_ahead, schedule) * faster


def best(steps: Layer, tokens: Layer, budget: int, schedule: Schedule = Schedule.ASYNC) -> Optimum:
    """The k₁ and k₂ with the largest f(k₁)·g(k₂) while P·k₂ is at most the parallel budget M."""
    _check(budget)
    return max(_within(steps, tokens, budget, schedule), key=lambda found: found.speedup)


def _within(steps: Layer, tokens: Layer, budget: int, schedule: Schedule) -> Iterator[Optimum]:
    for k1 in range(1, MOST_AHEAD + 1):
        room = budget // parallel_sequences(steps, k1, schedule)
        for k2 in range(1, min(room, MOST_AHEAD) + 1):
            yield Optimum(k1, k2, combined(steps, tokens, k1, k2, schedule))


def _check(count: int) -> None:
    if count < 1:
        raise ConfigError(f"{count} is out of range: at least 1")
