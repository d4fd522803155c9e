"""What a run has shown of its models so far: a fold of its events with the loop's time. Decides nothing."""

from dataclasses import dataclass, replace
from math import exp, log

from lr_demo.decoding.memory import USUAL_STEP, Memory, token_mean
from lr_demo.events import (
    CycleStarted,
    Event,
    Role,
    RoleDegraded,
    RoleRecovered,
    StepCancelled,
    StepCommitted,
    StepDelta,
    StepFinished,
    StepStarted,
    Verdict,
    VerdictStarted,
)
from lr_demo.mean import Mean
from lr_demo.prediction import Costs, Pace, Workload
from lr_demo.run_state import StepKey

ENOUGH_TOKENS = 3
"""A pace counts after so many tokens."""
ENOUGH_PASSES = 5
"""Where drafted text is proposed, plain decoding's pace counts after so many: every other one is compared with it."""
_BESIDE_OWN = 2.0
"""What earlier runs tell of plain decoding's pace counts as so many tokens beside the run's own: the machine may be
faster or slower than it was."""
_LATELY, _JUST_NOW = 150, 24
"""Where drafted text is proposed, plain decoding's pace is in doubt after so many tokens without one that told it:
after the fewer of them where few told it altogether."""
_USUAL_ACCEPTANCE, _PRIOR_VERDICTS = 0.6, 1.5
"""Before any verdict: what papers and measurements here have in the middle, as if seen in so many verdicts."""
_USUAL_AGREEMENT, _PRIOR_TOKENS = 0.6, 8.0
"""Of drafted tokens, before any was compared."""
_FORGOTTEN_TOKENS = 600.0
"""What drafting ahead came to is forgotten over so many tokens without it, and tried again some time."""
_USUAL_SLOPE = 0.05
"""A second sequence in flight costs so much of a token more until it was tried: little, as on a GPU."""
_TRUSTED_STEPS = 20.0
"""Predictions count as right over so many steps, whatever was seen of them."""
_LEAST_TRUST, _MOST_TRUST = 0.5, 1.05
_SUGGESTING_STEPS, _SUGGESTING_TRUST = 4.0, 2.0
"""Where drafted steps are suggested, what that gains is but roughly predicted: it is soon corrected, upwards too."""
_MISSES = 3
"""Most tokens counted as missed where the draft had another one: it takes some to come back on its way."""
_GRAIN = 0.02
"""Costs are told to within this share: a prediction is worked out anew only where it would change."""


@dataclass(slots=True)
class _Flight:
    """A request under way."""

    started: float
    last: float
    fresh: bool = True


class Measured:
    """The figures of one run so far."""

    def __init__(self, memory: Memory, *, suggests: bool = False, drafts_between: bool = False) -> None:
        """`suggests`: what is drafted is proposed to the target, token by token.

        `drafts_between`: beside plain decoding, the draft writes between the target's passes.
        """
        self.memory = memory
        self.suggests, self.drafts_between = suggests, drafts_between
        self.away: set[Role] = set()
        """Roles that are out for now."""
        self.plain = False
        """Set while the target decodes in one request over the boundaries of steps."""
        self._flying: dict[StepKey, _Flight] = {}
        self._changed = 0.0
        self._asked = 0
        self._last_plain = 0.0
        self._ahead = False
        self._prompt_read = False
        self._suggested = False
        """Whether a drafted step may help the target now."""
        self._own_plain = token_mean()
        """Seconds of a token of plain decoding in this run."""
        self._plain_before = memory.target.get((1, False), token_mean())
        """The same in earlier ones."""
        self._since_plain = 0
        """Tokens since the last of these."""
        self._remembered = [*memory.target.values(), *memory.helped.values()]
        """Paces of the target that are only known from earlier runs."""
        self._finished: dict[int, tuple[Role, list[int]]] = {}
        """The first complete step of a position that the other side has none of yet."""

    # What comes in.

    def observe(self, event: Event, now: float) -> None:
        """Take an event of the run; `now` is the loop's time, seconds."""
        match event:
            case StepStarted():
                self._flying[StepKey(event.position, event.role, event.alternative)] = _Flight(now, now)
                self._suggested |= self.suggests and event.role is Role.DRAFT
                if not (self.plain and event.role is Role.TARGET):
                    self._changed = now
            case StepDelta():
                self._delta(event, now)
            case StepFinished():
                key = StepKey(event.position, event.role, event.alternative)
                self._ended(key, now)
                length = self.memory.target_length if key.role is Role.TARGET else self.memory.draft_length
                length.add(len(event.token_ids))
                if self.suggests and not event.alternative:
                    self._compare(event.position, event.role, event.token_ids)
            case StepCancelled():
                self._ended(StepKey(event.position, event.role, event.alternative), now)
                self._changed = now
            case CycleStarted():
                self._suggested = False
                self._finished.clear()
            case StepCommitted() if self.plain:
                self._suggested = False
                self._finished.clear()
            case VerdictStarted():
                self._asked += 1
                self._changed = now
            case Verdict():
                self._verdict(event, now)
            case RoleDegraded():
                self._changed = now
                self.away.add(event.role)
            case RoleRecovered():
                self.away.discard(event.role)

    def _ended(self, key: StepKey, now: float) -> None:
        if self._flying.pop(key, None) is not None and not (self.plain and key.role is Role.TARGET):
            self._changed = now

    def _delta(self, event: StepDelta, now: float) -> None:
        flight = self._flying.get(StepKey(event.position, event.role, event.alternative))
        if flight is None or not event.tokens:
            return
        if event.role is Role.DRAFT:
            self._draft_delta(flight, event.tokens, now)
        elif self.plain:
            since, self._last_plain = self._last_plain, now
            self._forget_ahead(event.tokens)
            if since >= self._changed and since > 0:
                self._target_pace(now - since, event.tokens)
        elif not flight.fresh:
            if flight.last >= self._changed:
                self._target_pace(now - flight.last, event.tokens)
        elif flight.started >= self._changed:
            pace = self.token_s(self._targets())
            if pace is not None:
                self.memory.start.add(max(0.0, now - flight.started - event.tokens * pace))
        flight.last, flight.fresh = now, False

    def _draft_delta(self, flight: _Flight, tokens: int, now: float) -> None:
        memory = self.memory
        if not flight.fresh:
            memory.draft.add(now - flight.last, tokens)
        elif memory.draft.weight:
            memory.draft_start.add(max(0.0, now - flight.started - tokens * memory.draft.value(0.0)))

    def _target_pace(self, seconds: float, tokens: int) -> None:
        memory, targets = self.memory, self._targets()
        if self._prompt_read:
            return
        self._since_plain += tokens
        if self._suggested:
            self._seen(memory.helped.setdefault(targets, token_mean()), seconds, tokens)
        elif self._ahead:
            memory.ahead.add(seconds, tokens)
        elif targets == 1 and not self._busy():
            self._alone_pace(seconds, tokens)
        else:
            self._seen(memory.target.setdefault((targets, self._busy()), token_mean()), seconds, tokens)

    def _seen(self, pace: Mean, seconds: float, tokens: int) -> None:
        pace.add(seconds, tokens)
        self._remembered = [each for each in self._remembered if each is not pace]

    def _alone_pace(self, seconds: float, tokens: int) -> None:
        """A token of the target alone. The first ones tell how fast the machine is now: what is remembered of other
        paces of the target changes with it, and what was remembered of this one is soon forgotten."""
        known, own = self.memory.target, self._own_plain
        before = known.get((1, False), own).value(0.0)
        self._remembered = [each for each in self._remembered if each is not known.get((1, False))]
        first = own.weight < ENOUGH_PASSES
        own.add(seconds, tokens)
        self._since_plain = 0
        if not first or own.weight >= ENOUGH_PASSES:
            known[1, False] = own
        else:
            past = self._plain_before.at_most(_BESIDE_OWN)
            both = (past.total + own.total) / (past.weight + own.weight)
            weight = self._plain_before.weight + own.weight  # it is known no less than it was
            known[1, False] = Mean(own.kept, weight, both * weight)
        if first and before:
            for each in self._remembered:
                each.total *= known[1, False].value(before) / before

    @property
    def own_plain(self) -> float:
        """Tokens that told of plain decoding's pace in this run, the latest at least."""
        return self._own_plain.weight

    @property
    def plain_in_doubt(self) -> bool:
        """Whether it is long ago that plain decoding's pace was seen."""
        return self._since_plain >= (_LATELY if self._own_plain.weight >= ENOUGH_PASSES else _JUST_NOW)

    def _compare(self, position: int, role: Role, ids: list[int]) -> None:
        """Drafted step and target step of a position: how far they are the same."""
        other = self._finished.pop(position, None)
        if other is None or other[0] is role:
            self._finished[position] = role, ids
            return
        both = min(len(ids), len(other[1]))
        same = next((n for n in range(both) if ids[n] != other[1][n]), both)
        self.memory.agreed.add(same, same + min(_MISSES, both - same))

    def _forget_ahead(self, tokens: int) -> None:
        if not self._ahead:
            memory = self.memory
            memory.ahead = memory.ahead.at_most(memory.ahead.weight * max(0.0, 1 - tokens / _FORGOTTEN_TOKENS))

    def _verdict(self, event: Verdict, now: float) -> None:
        memory = self.memory
        if event.method == "error":
            self._asked, self._changed = max(0, self._asked - 1), now
            return
        memory.accepted.add(float(event.accepted))
        at_once = event.method in ("identical", "ending")
        if not at_once:
            self._asked, self._changed = max(0, self._asked - 1), now
            memory.verdict.add(event.latency_s)
        if event.accepted:
            memory.identical.add(float(at_once))

    def drafting_ahead(self, on: bool, now: float, *, reads: bool = False) -> None:
        """Beside plain decoding, the draft begins or ceases to write ahead.

        `reads`: it reads the prompt, beside which the target's pace is none that lasts.
        """
        if (on, reads) != (self._ahead, self._prompt_read):
            self._ahead, self._prompt_read, self._changed = on, reads, now

    def request_begins(self, now: float) -> None:
        """A request of plain decoding begins: its first token is no measure of a pace."""
        self._last_plain = 0.0
        self._changed = now
        self._flying = {key: flight for key, flight in self._flying.items() if key.role is Role.DRAFT}
        self._asked = 0

    # What is known.

    def _targets(self) -> int:
        return max(1, sum(key.role is Role.TARGET for key in self._flying))

    def _busy(self) -> bool:
        return self._asked > 0 or any(key.role is Role.DRAFT for key in self._flying)

    @property
    def paced(self) -> bool:
        """Whether it is known how fast the target is alone, with nothing beside it."""
        mean = self.memory.target.get((1, False))
        return mean is not None and mean.weight >= (ENOUGH_PASSES if self.suggests else ENOUGH_TOKENS)

    @property
    def sizes(self) -> frozenset[int]:
        """Numbers of sequences in flight whose pace is known."""
        known = {n for n, busy in self.memory.target if self._known(n, busy) is not None}
        return frozenset(known | {n for n in self.memory.helped if self._helped(n) is not None})

    @property
    def drafts(self) -> bool:
        """Whether it is known how fast the draft is."""
        return self.memory.draft.weight >= ENOUGH_TOKENS

    def _known(self, n: int, busy: bool) -> float | None:
        mean = self.memory.target.get((n, busy))
        return mean.value(0.0) if mean is not None and mean.weight >= ENOUGH_TOKENS else None

    def _helped(self, n: int) -> float | None:
        mean = self.memory.helped.get(n)
        return mean.value(0.0) if mean is not None and mean.weight >= ENOUGH_TOKENS else None

    def token_s(self, n: int) -> float | None:
        """Seconds of a target token with `n` in flight as last seen, idle or not; None where it was not."""
        if self._suggested and (helped := self._helped(n)) is not None:
            return helped
        found = self._known(n, True)
        return found if found is not None else self._known(n, False)

    @property
    def alone_s(self) -> float | None:
        """Seconds of a token of plain decoding."""
        found = self._known(1, False)
        return found if found is not None else self._known(1, True)

    @property
    def slowed(self) -> float:
        """Factor on the target's token while draft or judge are at work."""
        alone, beside = self._known(1, False), self._known(1, True)
        return max(1.0, beside / alone) if alone and beside else 1.0

    @property
    def looking_slows(self) -> float:
        """Factor on the target's token while a drafted step beside it is looked at."""
        present = self.memory.ahead.value(0.0) if self._ahead else self.alone_s
        helped = self._helped(1)
        return max(1.0, helped / present) if helped and present else self.slowed

    @property
    def agreement(self) -> float:
        """Rate at which a drafted token is the target's where those before it were: seen, and before much is, usual."""
        seen = self.memory.agreed
        return (seen.total + _USUAL_AGREEMENT * _PRIOR_TOKENS) / (seen.weight + _PRIOR_TOKENS)

    @property
    def agreement_doubt(self) -> float:
        """Standard deviation of the agreement."""
        return _deviation(self.agreement, self.memory.agreed.weight + _PRIOR_TOKENS)

    @property
    def acceptance(self) -> float:
        """α₁: verdicts of this run, and before there are many what is usual and what earlier runs had."""
        seen = self.memory.accepted
        return (seen.total + _USUAL_ACCEPTANCE * _PRIOR_VERDICTS) / (seen.weight + _PRIOR_VERDICTS)

    @property
    def judged(self) -> bool:
        """Whether any drafted step was, in this run or an earlier one."""
        return self.memory.accepted.weight > 0

    @property
    def doubt(self) -> float:
        """Standard deviation of the acceptance."""
        return _deviation(self.acceptance, self.memory.accepted.weight + _PRIOR_VERDICTS)

    @property
    def trust(self) -> float:
        """Factor on predictions of lookahead's speed, from what became of earlier ones."""
        seen = self.memory.trust
        steps, most = (_SUGGESTING_STEPS, _SUGGESTING_TRUST) if self.suggests else (_TRUSTED_STEPS, _MOST_TRUST)
        return min(most, max(_LEAST_TRUST, (seen.total + steps) / (seen.weight + steps)))

    @property
    def step_s(self) -> float:
        """Seconds of a step of plain decoding."""
        return self.memory.target_length.value(USUAL_STEP) * (self.alone_s or 0.0)

    @property
    def look_s(self) -> float:
        """Seconds that a drafted step and its verdict take."""
        memory = self.memory
        length = memory.draft_length.value(memory.target_length.value(USUAL_STEP))
        drafting = length * memory.draft.value(0.0) + memory.draft_start.value(0.0)
        return drafting + memory.verdict.value(0.0)

    def costs(self) -> Costs | None:
        """What the servers take where nothing is suggested, for a prediction; None before they have shown it."""
        alone, memory = self.alone_s, self.memory
        if alone is None or not self.drafts:
            return None
        slowed, drafting = self.slowed, memory.draft.value(0.0)
        drafting_alone = min(drafting, memory.draft_alone.value(drafting))
        passes = tuple((n, _grained(seconds)) for n, seconds in self._passes(alone, slowed))
        return Costs(
            target=Pace(passes, start_s=_grained(memory.start.value(0.0))),
            draft=Pace(((1, _grained(drafting_alone)),), start_s=_grained(memory.draft_start.value(0.0))),
            verdict_s=_grained(memory.verdict.value(0.0)),
            target_slowed=_grained(slowed),
            draft_slowed=_grained(drafting / drafting_alone if drafting_alone else 1.0),
            proposal_s=_grained(memory.proposal.value(0.0)),
            drafts_between=self.drafts_between,
        )

    def suggesting(self, costs: Costs, pace: float) -> Costs:
        """The same where drafted steps are suggested; `pace`: factor on a token's time that is expected of that, where
        it was not measured. The draft's part in the time is in it."""
        passes: list[tuple[int, float]] = []
        for n in sorted({1, 2, *self.sizes}):
            seconds = self._helped(n) or costs.target.seconds(n) * pace
            passes.append((n, _grained(max(seconds, passes[-1][1] if passes else 0.0))))
        return replace(costs, target=replace(costs.target, pass_s=tuple(passes)), target_slowed=1.0)

    def _passes(self, alone: float, slowed: float) -> list[tuple[int, float]]:
        passes = [(1, alone)]
        for n in sorted(self.sizes):
            idle, beside = self._known(n, False), self._known(n, True)
            if n > 1:
                seconds = idle if idle is not None else (beside or alone) / slowed
                passes.append((n, max(seconds, passes[-1][1])))
        if len(passes) == 1:
            passes.append((2, alone * (1 + _USUAL_SLOPE)))
        return passes

    def workload(self, acceptance: float) -> Workload:
        """What is decoded, if so many drafted steps are accepted."""
        memory = self.memory
        length = memory.target_length.value(USUAL_STEP)
        return Workload(
            acceptance=round(min(0.98, max(0.0, acceptance)), 2),
            target_tokens=_grained(max(1.0, length)),
            draft_tokens=_grained(max(1.0, memory.draft_length.value(length))),
            identical=round(memory.identical.value(0.0), 1),
            token_acceptance=round(self.agreement, 2),
        )


def _deviation(rate: float, seen: float) -> float:
    """Standard deviation of a rate that was estimated from so many cases."""
    return float((rate * (1 - rate) / (seen + 1)) ** 0.5)


def _grained(value: float) -> float:
    """A figure that stays the same while it changes little; what is next to nothing counts as a microsecond or less."""
    return exp(round(log(value) / _GRAIN) * _GRAIN) if value > 1e-6 else 1e-9
