"""Predicts the speed of plain decoding, SD, LR and LR+SD from measured costs and acceptance; knows no model, no clock.

The formulas of `theory` hold where steps are equally long, a batch costs what one sequence does, verdicts are free and
draft and target do not disturb each other; this goes on from there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lr_demo.config import Mode, Schedule
from lr_demo.errors import ConfigError
from lr_demo.prediction.inputs import Choice, Costs, Pace, Workload
from lr_demo.prediction.schedule_model import (
    Lengths,
    Machine,
    Spent,
    asynchronous,
    normal_table,
    paths_followed,
    positions_followed,
    synchronous,
)
from lr_demo.theory import accepted_mean


@dataclass(frozen=True, slots=True)
class Shares:
    """What the wall time goes into, from the view of the step that is next in the answer; adds up to 1."""

    target: float
    """The target writes, at the pace it has alone."""
    batch: float
    """What it takes longer since several sequences are in flight."""
    contention: float
    """What it takes longer since the draft writes too."""
    verdicts: float
    draft: float
    start: float
    """Reading the prompt."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Speed of one choice."""

    choice: Choice
    tokens_per_s: float
    shares: Shares
    sequences: float
    """Mean number of target sequences in flight."""
    steps_a_cycle: float
    """Steps of the answer from one correction to the next (asynchronous), or in a round (synchronous)."""


def predict(costs: Costs, workload: Workload, choice: Choice) -> Prediction:
    """The speed of a run: pure, about a millisecond.

    Raises:
        ConfigError: lookahead reasoning without costs of a draft.
    """
    pace = (costs.speculative or costs.target) if choice.proposals else costs.target
    work = _lookahead if choice.lookahead else _alone
    spent = work(costs, workload, choice, pace)
    start_s = pace.start_s + workload.prompt_tokens * (pace.read_s + _read_before_s(costs, choice))
    times = workload.answer_tokens / spent.tokens
    wall_s = spent.seconds * times + start_s
    measured = spent.writing + spent.batch + spent.contention + spent.verdicts + spent.draft
    part = (wall_s - start_s) / wall_s / measured
    shares = Shares(
        target=spent.writing * part,
        batch=spent.batch * part,
        contention=spent.contention * part,
        verdicts=spent.verdicts * part,
        draft=spent.draft * part,
        start=start_s / wall_s,
    )
    return Prediction(choice, workload.answer_tokens / wall_s, shares, spent.flying / measured, spent.steps)


def _read_before_s(costs: Costs, choice: Choice) -> float:
    """Seconds for each token of the prompt that the draft reads while the target waits."""
    if costs.draft is None:
        return 0.0
    rounds = choice.lookahead > 0 and choice.schedule is Schedule.SYNC
    return costs.draft.read_s if rounds or _asks(costs, choice) else 0.0


def _asks(costs: Costs, choice: Choice) -> bool:
    """Whether the target waits between two passes while the draft writes proposals."""
    return choice.mode is Mode.SPECULATIVE and choice.drafted and costs.drafts_between


def _alone(costs: Costs, workload: Workload, choice: Choice, pace: Pace) -> Spent:
    """One target step of plain decoding or SD."""
    if _asks(costs, choice) and costs.draft is not None:
        return _waiting(costs, workload, choice, pace, costs.draft)
    per_token = _token_s(costs, workload, choice, pace, 1)
    alone = _token_s(costs, replace(workload, others=0.0), choice, pace, 1)
    slowed = costs.target_slowed if choice.drafted else 1.0
    tokens = workload.target_tokens
    seconds = tokens * per_token * slowed
    return Spent(
        seconds=seconds,
        tokens=tokens,
        steps=1,
        writing=tokens * alone,
        batch=tokens * (per_token - alone),
        contention=seconds - tokens * per_token,
        flying=seconds,
    )


def _waiting(costs: Costs, workload: Workload, choice: Choice, pace: Pace, draft: Pace) -> Spent:
    """One target step of SD whose target waits for the draft: with as many proposals as make it shortest."""
    tokens, acceptance = workload.target_tokens, workload.asked_token_acceptance
    if acceptance is None:
        acceptance = _token_acceptance(workload, choice)
    drafting = draft.start_s + draft.read_s, draft.seconds(1)  # it reads the token that the target wrote itself

    def times(proposals: int) -> tuple[float, float, float]:
        """Seconds of the step: passes alone, what other sequences in flight add, and drafting."""
        passes = tokens / accepted_mean(acceptance, proposals + 1)
        alone, batch = 1.0, 1 + workload.others
        own, all_of_it = (pace.seconds(n) + costs.proposal_s * proposals * n for n in (alone, batch))
        return passes * own, passes * (all_of_it - own), passes * (drafting[0] + drafting[1] * proposals)

    writing, batch, waited = min((times(k) for k in range(1, choice.proposals + 1)), key=sum)
    return Spent(
        seconds=writing + batch + waited,
        tokens=tokens,
        steps=1,
        writing=writing,
        batch=batch,
        draft=waited,
        flying=writing + batch + waited,
    )


def _lookahead(costs: Costs, workload: Workload, choice: Choice, pace: Pace) -> Spent:
    """Mean over drawings of step lengths."""
    if costs.draft is None:
        raise ConfigError(
            "lookahead reasoning cannot be predicted without what the draft takes: probe a profile with one"
        )
    acceptance = 1 - (1 - workload.acceptance) ** (choice.width**workload.likeness)
    rounds = choice.schedule is Schedule.SYNC
    most = choice.budget
    machine = Machine(
        pass_s=[0.0, *(_token_s(costs, workload, choice, pace, n) for n in range(1, most + 1))],
        draft_s=[0.0, *(costs.draft.seconds(n) for n in range(1, most + 1))],
        verdict_s=costs.verdict_s,
        target_slowed=1.0 if rounds else costs.target_slowed,
        draft_slowed=1.0 if rounds else costs.draft_slowed,
        acceptance=acceptance,
        identical=workload.identical,
        lookahead=choice.lookahead,
        width=choice.width,
        budget=choice.budget,
        writes_on=choice.writes_on,
    )
    positions = choice.lookahead + 1 if rounds else positions_followed(acceptance)
    paths = paths_followed(positions) if workload.spread else 1
    drawn = [_lengths(costs, workload, choice, pace, machine, positions, paths, path) for path in range(paths)]
    if rounds:
        return _mean([synchronous(machine, lengths) for lengths in drawn])
    fresh = _mean([asynchronous(machine, lengths, positions) for lengths in drawn])
    if not fresh.written_on:
        return fresh
    begun_s = fresh.begun / fresh.written_on
    begun = _mean([asynchronous(machine, lengths, positions, begun_s) for lengths in drawn])
    share = fresh.written_on / (1 + fresh.written_on - begun.written_on)  # of the cycles, that begin so
    total = Spent()
    total.add(fresh, 1 - share)
    total.add(begun, share)
    return total


def _mean(cycles: Sequence[Spent]) -> Spent:
    total = Spent()
    for each in cycles:
        total.add(each, 1 / len(cycles))
    return total


def _lengths(
    costs: Costs,
    workload: Workload,
    choice: Choice,
    pace: Pace,
    machine: Machine,
    positions: int,
    paths: int,
    path: int,
) -> Lengths:
    """One drawing; log-normal. As far as drafts may be ahead of the last position that is followed."""
    assert costs.draft is not None
    positions += 0 if choice.schedule is Schedule.SYNC else choice.lookahead
    if workload.spread:
        sigma = math.sqrt(math.log1p(workload.spread**2))
        own = math.sqrt(1 - workload.correlation**2)
        first, second = (normal_table(paths, positions, stream)[path] for stream in (0, 1))
        shift = sigma * sigma / 2
        target = [workload.target_tokens * math.exp(sigma * z - shift) for z in first]
        both = zip(first, second, strict=True)
        draft = [
            workload.draft_tokens * math.exp(sigma * (workload.correlation * z + own * y) - shift) for z, y in both
        ]
    else:
        target, draft = [workload.target_tokens] * positions, [workload.draft_tokens] * positions
    cycle = workload.target_tokens / (1 - min(machine.acceptance, 0.95))
    again = min(cycle, workload.prompt_tokens + workload.answer_tokens / 2)
    alone = machine.pass_s[1]
    expansion = (pace.start_s + again * costs.unshared * pace.read_s) / alone
    begin = pace.start_s / alone + _overshoot(workload, choice)
    reading = pace.read_s / alone
    drafting = costs.draft.seconds(1)
    catching_up = (costs.draft.start_s + workload.target_tokens * costs.draft.read_s) / drafting
    judged = 1 - workload.identical
    return Lengths(
        target=target,
        draft=draft,
        target_work=[
            length + begin + (expansion - pace.start_s / alone + draft[k - 1] * reading if k else 0.0)
            for k, length in enumerate(target)
        ],
        draft_work=[length + (costs.draft.start_s / drafting if k else catching_up) for k, length in enumerate(draft)],
        judged=[((k + path * 0.618 + 0.5) * 0.7548776662) % 1 < judged for k in range(positions)],
    )


def _token_s(costs: Costs, workload: Workload, choice: Choice, pace: Pace, sequences: int) -> float:
    """Seconds of a target token with so many sequences of this run in flight."""
    batch = sequences + workload.others
    seconds = pace.seconds(batch)
    if not choice.proposals:
        return seconds
    rate = _token_acceptance(workload, choice)
    rounds = choice.lookahead > 0 and choice.schedule is Schedule.SYNC
    writes_beside = choice.drafted and not rounds  # what helps in a round is drafted before it

    def token_s(proposals: int) -> float:
        whole = seconds + costs.proposal_s * proposals * batch
        tokens = accepted_mean(rate, proposals + 1)
        if writes_beside and costs.draft is not None:
            tokens = min(tokens, max(1.0, whole / (costs.draft.seconds(1) * costs.draft_slowed)))
        return whole / tokens

    if choice.drafted and costs.proposal_s > 0:  # of what is drafted the server takes as much as pays
        return min(map(token_s, range(1, choice.proposals + 1)))
    return token_s(choice.proposals)


def _token_acceptance(workload: Workload, choice: Choice) -> float:
    if choice.drafted and workload.drafted_token_acceptance is not None:
        return workload.drafted_token_acceptance
    return workload.token_acceptance


def _overshoot(workload: Workload, choice: Choice) -> float:
    """Mean tokens that a step's last pass comes to beyond its end, and that are lost."""
    if not choice.proposals:
        return 0.0
    rate = _token_acceptance(workload, choice)
    powers = [rate**i for i in range(choice.proposals + 1)]
    mean = sum(powers)
    squared = sum((2 * i + 1) * power for i, power in enumerate(powers))
    return (squared / mean - 1) / 2
