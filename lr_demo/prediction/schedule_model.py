"""How long a cycle of lookahead reasoning takes, worked out on plain floats: no clock, no events, no tasks.

The target is a fluid: every sequence in flight advances at the pace of the batch as it is at that moment.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import NormalDist

MOST_POSITIONS = 24
"""Steps of one cycle that are followed; longer ones go on at the pace of the last."""
_NEVER = math.inf
_LIKELY = 0.02
"""A cycle is followed while it is at least so likely to be still going on."""
_ENDLESS = 10_000.0
"""Steps of a cycle in which nothing is ever rejected."""
_WORK = 72
"""Positions that are followed in all."""


@dataclass(slots=True)
class Spent:
    """Mean seconds, tokens and shares of a cycle (asynchronous) or a round (synchronous)."""

    seconds: float = 0.0
    tokens: float = 0.0
    steps: float = 0.0
    """Of the answer."""
    writing: float = 0.0
    """Seconds at the pace the target has alone."""
    batch: float = 0.0
    """Seconds more, since the batch is larger than one."""
    contention: float = 0.0
    """Seconds more, since the draft writes at the same time."""
    verdicts: float = 0.0
    """Seconds in which nothing but a verdict is waited for."""
    draft: float = 0.0
    """Seconds in which nothing but the draft is waited for."""
    flying: float = 0.0
    """Seconds times target sequences in flight."""
    written_on: float = 0.0
    """Chance that the next cycle begins with a target step that was begun while this one's last was judged."""
    begun: float = 0.0
    """Seconds that are written of it by then, times that chance."""

    def add(self, other: "Spent", weight: float) -> None:
        """Add another one, so many times."""
        for name in Spent.__slots__:
            setattr(self, name, getattr(self, name) + weight * getattr(other, name))


@dataclass(frozen=True, slots=True)
class Machine:
    """What one cycle is worked out with; times in seconds, lengths in tokens."""

    pass_s: Sequence[float]
    """Seconds of a target token, by the number of sequences in flight; [0] stands for none."""
    draft_s: Sequence[float]
    """Seconds of a draft token, likewise."""
    verdict_s: float
    target_slowed: float
    """Factor on the target's token while the draft writes."""
    draft_slowed: float
    """Factor on the draft's token while the target writes."""
    acceptance: float
    """That one of a position's drafted steps is accepted."""
    identical: float
    """Share of accepted steps that need no verdict."""
    lookahead: int
    width: int
    budget: int
    writes_on: bool = True
    """Whether the target writes on behind its own step while that is judged."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """One drawing of step lengths; work is in tokens, and holds what a request costs before its first one."""

    target: Sequence[float]
    draft: Sequence[float]
    target_work: Sequence[float]
    draft_work: Sequence[float]
    judged: Sequence[bool] = field(default=())
    """Whether an accepted step at this place needs a verdict."""


def positions_followed(acceptance: float) -> int:
    """How many steps of a cycle are worth following."""
    if acceptance <= _LIKELY:
        return 1
    if acceptance >= 1:
        return MOST_POSITIONS
    return min(MOST_POSITIONS, 1 + math.ceil(math.log(_LIKELY) / math.log(acceptance)))


def paths_followed(positions: int) -> int:
    """How many drawings of lengths are averaged over."""
    return max(4, min(12, _WORK // positions))


@lru_cache(maxsize=256)
def normal_table(paths: int, positions: int, stream: int) -> tuple[tuple[float, ...], ...]:
    """[path][position] normal deviates, at every position spread evenly over the paths; always the same ones."""
    quantiles = [NormalDist().inv_cdf((i + 0.5) / paths) for i in range(paths)]
    scale = math.sqrt(paths / sum(z * z for z in quantiles))
    chance = random.Random(f"{stream} {paths}")
    columns = [[z * scale for z in chance.sample(quantiles, paths)] for _ in range(positions)]
    return tuple(zip(*columns, strict=True))


def asynchronous(machine: Machine, lengths: Lengths, positions: int, begun_s: float = 0.0) -> Spent:
    """One cycle of the asynchronous schedule, in the mean over where its first rejected step is.

    Its first `positions` steps are followed; `lengths` go on for as many as may be drafted ahead of them.

    While the root's own target step is judged, the target writes on behind it; where that stays, the step is the first
    of the next cycle, and its time counts there. `begun_s`: for so long the first one of this cycle was written before.

    Until a step is decided it does not matter to those before it whether it will be rejected: so one pass over the
    cycle in which all are accepted tells the time of each place at which it may end.
    """
    last = len(lengths.target) - 1
    done = [_NEVER] * (last + 2)  # target steps
    drafted = [_NEVER] * (last + 2)
    decided = [_NEVER] * (last + 2)  # verdicts in, where the step is accepted
    flying: list[tuple[float, int, int]] = []  # work at which it ends, position, sequences
    waiting: list[int] = []
    sizes = [min(machine.budget, machine.width**k) for k in range(last + 2)]
    now, work, alive, root, sequences, root_since = 0.0, 0.0, 1.0, 0, 0, 0.0
    next_s = lengths.target_work[0] * machine.pass_s[1]  # of a first step of a cycle
    drafting, draft_left, known = -1 if begun_s else 0, lengths.draft_work[0], 0
    tokens, total = 0.0, Spent()
    halfway = (0.0, 0.0)

    def begin(position: int) -> None:
        nonlocal sequences
        size = sizes[position]
        if sequences + size > machine.budget and flying:
            waiting.append(position)
            return
        sequences += size
        flying.append((work + lengths.target_work[position], position, size))

    begin(0)
    draft_batch = min(len(machine.draft_s) - 1, machine.width)
    while True:
        batch_s = _batch_s(machine, flying, decided, root, now)
        slowed = machine.target_slowed if drafting >= 0 else 1.0
        pace = batch_s * slowed if flying else 1.0
        ends_work, ends, _ = min(flying) if flying else (_NEVER, -1, 0)
        target_at = now + (ends_work - work) * pace if flying else _NEVER
        draft_pace = machine.draft_s[draft_batch] * (machine.draft_slowed if flying else 1.0)
        draft_at = now + draft_left * draft_pace if drafting >= 0 else _NEVER
        verdict_at = max(now, decided[root])
        begins_at = begun_s if now < begun_s else _NEVER
        at = min(target_at, draft_at, verdict_at, begins_at)
        if at == _NEVER:
            break
        dt = at - now
        if dt > 0:
            writes, judged = done[root] == _NEVER, drafted[root] < _NEVER
            _share(total, dt * alive, machine.pass_s[1], batch_s, slowed, writes=writes, judged=judged)
            total.flying += dt * alive * sequences
        work += dt / pace if flying else 0.0
        draft_left -= dt / draft_pace if drafting >= 0 else 0.0
        now = at
        if at == verdict_at:  # the root moves
            rejected = max(now, max(done[root], drafted[root]) + machine.verdict_s)
            goes_on = machine.writes_on and done[root] >= root_since
            begun = min(rejected - done[root], next_s) if goes_on else 0.0
            ending = alive * (1 - machine.acceptance)
            _end(total, ending, rejected - begun, tokens + lengths.target[root], root + 1)
            total.verdicts += ending * (rejected - begun - now)
            total.written_on += ending if begun > 0 else 0.0
            total.begun += ending * begun
            alive *= machine.acceptance
            tokens += lengths.draft[root]
            root, root_since = root + 1, now
            if root == positions // 2:
                halfway = (now, tokens)
            if root == positions or alive == 0:
                break
            late = done[root] < _NEVER and drafted[root] == _NEVER
        elif at == begins_at:
            late = False
        elif at == draft_at:
            drafted[drafting] = now
            _decide(machine, lengths, done, drafted, decided, drafting)
            known, drafting = drafting + 1, -1
            if known <= last:
                begin(known)
            late = False
        else:
            flying.remove((ends_work, ends, sizes[ends]))
            sequences -= sizes[ends]
            done[ends] = now
            while waiting and (sequences + sizes[waiting[0]] <= machine.budget or not flying):
                begin(waiting.pop(0))
            _decide(machine, lengths, done, drafted, decided, ends)
            late = ends == root and drafted[root] == _NEVER
        if late:  # the draft's step comes too late: the target's is taken
            _end(total, alive, max(now, begun_s), tokens + lengths.target[root], root + 1)
            return total
        if (
            now >= begun_s
            and drafting < 0
            and known <= last
            and drafted[known] == _NEVER
            and known < root + machine.lookahead
        ):
            drafting, draft_left = known, lengths.draft_work[known]
            draft_batch = min(len(machine.draft_s) - 1, machine.width ** (known - root + 1), machine.budget)
    _go_on(total, machine.acceptance, alive, (now, tokens, root), halfway)
    return total


def synchronous(machine: Machine, lengths: Lengths) -> Spent:
    """One round of the synchronous schedule, in the mean over where its first rejected step is.

    γ steps are drafted, then all γ + 1 positions are expanded in one batch; with the first reject, or with the step
    behind the last drafted one, the round is over.
    """
    gamma, width = machine.lookahead, machine.width
    total = Spent()
    for k in range(gamma):
        total.draft += lengths.draft_work[k] * machine.draft_s[min(len(machine.draft_s) - 1, width ** (k + 1))]
    total.seconds = total.draft
    batch = _Batch(machine, lengths.target_work[: gamma + 1])
    written = longest = resolved = 0.0
    alive = 1.0
    for k in range(gamma + 1):
        last = k == gamma
        written, longest = max(written, batch.ends[k]), max(longest, lengths.target_work[k])
        ends = max(resolved, batch.ends[k] + (0.0 if last else machine.verdict_s))
        chance = alive if last else alive * (1 - machine.acceptance)
        alone = longest * machine.pass_s[1]
        total.seconds += chance * ends
        total.writing += chance * alone
        total.batch += chance * (written - alone)
        total.verdicts += chance * (ends - written)
        total.flying += chance * batch.flying(ends)
        total.tokens += chance * lengths.target[k]
        total.steps += alive
        if not last:
            alive *= machine.acceptance
            total.tokens += alive * lengths.draft[k]
            resolved = max(resolved, batch.ends[k] + (machine.verdict_s if lengths.judged[k] else 0.0))
    return total


class _Batch:
    """Sequences that begin together, as far as there is room; the batch shrinks as they end."""

    def __init__(self, machine: Machine, work: Sequence[float]) -> None:
        self.ends = [0.0] * len(work)
        """Seconds after which each position is expanded."""
        self._parts: list[tuple[float, float, int]] = []
        """From when to when how many sequences were in flight."""
        sizes = [min(machine.budget, machine.width**k) for k in range(len(work))]
        waiting, flying = list(range(len(work))), list[tuple[float, int]]()
        now = done = 0.0
        sequences = 0
        while waiting or flying:
            while waiting and (sequences + sizes[waiting[0]] <= machine.budget or not flying):
                position = waiting.pop(0)
                sequences += sizes[position]
                flying.append((done + work[position], position))
            until, position = min(flying)
            seconds = (until - done) * machine.pass_s[min(sequences, len(machine.pass_s) - 1)]
            self._parts.append((now, now + seconds, sequences))
            now, done = now + seconds, until
            self.ends[position] = now
            flying.remove((until, position))
            sequences -= sizes[position]

    def flying(self, until: float) -> float:
        """Seconds times sequences in flight up to then."""
        return sum((min(end, until) - begin) * n for begin, end, n in self._parts if begin < until)


def _decide(
    machine: Machine,
    lengths: Lengths,
    done: list[float],
    drafted: list[float],
    decided: list[float],
    position: int,
) -> None:
    """Both sides of a position may be complete now: its verdict is on its way."""
    both = max(done[position], drafted[position])
    if both < _NEVER:
        decided[position] = both + (machine.verdict_s if lengths.judged[position] else 0.0)


def _batch_s(
    machine: Machine, flying: list[tuple[float, int, int]], decided: list[float], root: int, now: float
) -> float:
    """Seconds of a target token now.

    What stands behind a step that is decided already counts only as likely as that was accepted: else it is given up.
    """
    passes = machine.pass_s
    if passes[1] == passes[-1] or not flying:
        return passes[1]
    if len(flying) == 1:
        return passes[min(flying[0][2], len(passes) - 1)]
    load, chance, place = 0.0, 1.0, root
    for _, position, size in flying:
        while place < position:
            if decided[place] <= now:
                chance *= machine.acceptance
            place += 1
        load += size * chance
    below = min(max(1, int(load)), len(passes) - 1)
    above = min(below + 1, len(passes) - 1)
    return passes[below] + (load - below) * (passes[above] - passes[below])


def _share(
    total: Spent, dt: float, alone_s: float, batch_s: float, slowed: float, *, writes: bool, judged: bool
) -> None:
    """Tell what `dt` seconds of the root went into."""
    if writes:
        alone = dt * alone_s / (batch_s * slowed)
        total.writing += alone
        total.contention += dt * (1 - 1 / slowed)
        total.batch += dt / slowed - alone
    elif judged:
        total.verdicts += dt
    else:
        total.draft += dt


def _end(total: Spent, chance: float, seconds: float, tokens: float, steps: int) -> None:
    total.seconds += chance * seconds
    total.tokens += chance * tokens
    total.steps += chance * steps


def _go_on(
    total: Spent, acceptance: float, alive: float, end: tuple[float, float, int], halfway: tuple[float, float]
) -> None:
    """A cycle that is longer than what was followed goes on at the mean pace of the second half of that."""
    seconds, tokens, steps = end
    if alive <= 0:
        return
    more = min(_ENDLESS, 1 / (1 - acceptance)) if acceptance < 1 else _ENDLESS
    second_half = more / (steps - steps // 2)
    total.seconds += alive * (seconds + (seconds - halfway[0]) * second_half)
    total.tokens += alive * (tokens + (tokens - halfway[1]) * second_half)
    total.steps += alive * (steps + more)
