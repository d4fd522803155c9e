"""Predicts the speed of plain decoding, SD, LR and LR+SD from measured costs and acceptance; knows no model, no clock.

The formulas of `theory` hold where steps are equally long, a batch costs what one sequence does, verdicts are free and
draft and target do not disturb each other; this goes on from there.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lr_demo.config import Mode, RunSettings, Schedule
from lr_demo.errors import ConfigError
from lr_demo.schedule_model import (
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

LOOKAHEADS = (1, 2, 3, 4, 5, 6, 8, 10)
"""γ that `best_settings` tries."""
WIDTHS = (1, 2)


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


class Bottleneck(StrEnum):
    """What holds a run back most."""

    PARALLELISM = "spare parallelism"
    DRAFT = "draft speed"
    ACCEPTANCE = "acceptance"
    VERDICTS = "verdicts"
    TARGET = "the target alone"


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
    start_s = pace.start_s + workload.prompt_tokens * pace.read_s
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


def choices(
    *,
    proposals: Sequence[int] = (),
    drafted: bool = False,
    drafts: bool = True,
    budget: int = 8,
    schedules: Iterable[Schedule] = tuple(Schedule),
) -> Iterator[Choice]:
    """All that `best_settings` tries by default. `proposals`: those a speculative target can be set to."""
    ahead = [0, *LOOKAHEADS] if drafts else [0]
    for count in (0, *proposals):
        for lookahead in ahead:
            for schedule in schedules if lookahead else (Schedule.ASYNC,):
                for width in WIDTHS if lookahead else (1,):
                    yield Choice(lookahead, count, width, schedule, budget, drafted and count > 0)


def best_settings(costs: Costs, workload: Workload, among: Iterable[Choice]) -> Prediction:
    """The fastest of some choices; of equally fast ones (within 0.5 %) the first.

    Raises:
        ConfigError: there is no choice.
    """
    best: Prediction | None = None
    for choice in among:
        found = predict(costs, workload, choice)
        if best is None or found.tokens_per_s > best.tokens_per_s * 1.005:
            best = found
    if best is None:
        raise ConfigError("there is nothing to choose from: name at least one setting")
    return best


def bottleneck(costs: Costs, workload: Workload, choice: Choice) -> Bottleneck:
    """What it would help most to halve: the cost of a batch, the draft's time, the rate of rejects, the verdict's time.

    Five predictions.
    """
    eased = dict(_eased(costs, workload, choice))
    now = predict(costs, workload, choice).tokens_per_s
    gains = {name: predict(*better, choice).tokens_per_s / now for name, better in eased.items()}
    best = max(gains, key=lambda name: gains[name], default=Bottleneck.TARGET)
    return best if gains and gains[best] > 1.01 else Bottleneck.TARGET


def _eased(costs: Costs, workload: Workload, choice: Choice) -> Iterator[tuple[Bottleneck, tuple[Costs, Workload]]]:
    if choice.lookahead or choice.proposals:
        room = replace(
            costs,
            target=_flatter(costs.target),
            speculative=_flatter(costs.speculative) if costs.speculative else None,
            target_slowed=(1 + costs.target_slowed) / 2,
            draft_slowed=(1 + costs.draft_slowed) / 2,
            proposal_s=costs.proposal_s / 2,
            unshared=costs.unshared / 2,
        )
        yield Bottleneck.PARALLELISM, (room, workload)
        alike = replace(
            workload,
            acceptance=(1 + workload.acceptance) / 2 if choice.lookahead else workload.acceptance,
            token_acceptance=(1 + workload.token_acceptance) / 2 if not choice.lookahead else workload.token_acceptance,
        )
        yield Bottleneck.ACCEPTANCE, (costs, alike)
    if costs.draft is not None and (choice.lookahead or (choice.proposals and choice.drafted and costs.drafts_between)):
        faster = replace(
            costs.draft,
            pass_s=tuple((n, s / 2) for n, s in costs.draft.pass_s),
            start_s=costs.draft.start_s / 2,
            read_s=costs.draft.read_s / 2,
        )
        yield Bottleneck.DRAFT, (replace(costs, draft=faster), workload)
    if choice.lookahead:
        yield Bottleneck.VERDICTS, (replace(costs, verdict_s=costs.verdict_s / 2), workload)


def _flatter(pace: Pace) -> Pace:
    alone = pace.pass_s[0][1]
    return replace(pace, pass_s=tuple((n, (alone + s) / 2) for n, s in pace.pass_s))


def _alone(costs: Costs, workload: Workload, choice: Choice, pace: Pace) -> Spent:
    """One target step of plain decoding or SD."""
    if choice.drafted and choice.proposals and costs.drafts_between and costs.draft is not None:
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
    tokens, acceptance = workload.target_tokens, _token_acceptance(workload, choice)
    drafting = draft.start_s, draft.seconds(1)

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
    )
    positions = choice.lookahead + 1 if rounds else positions_followed(acceptance)
    paths = paths_followed(positions) if workload.spread else 1
    total = Spent()
    for path in range(paths):
        lengths = _lengths(costs, workload, choice, pace, machine, positions, paths, path)
        total.add(synchronous(machine, lengths) if rounds else asynchronous(machine, lengths, positions), 1 / paths)
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

    def token_s(proposals: int) -> float:
        whole = seconds + costs.proposal_s * proposals * batch
        tokens = accepted_mean(rate, proposals + 1)
        if choice.drafted and costs.draft is not None:
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
