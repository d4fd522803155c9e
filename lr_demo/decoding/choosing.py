"""Which scheme a run goes on with, as deep as it pays: from what it measured, by prediction, and carefully where it may
lose.

Knows no model and no clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil

from lr_demo.config import RunSettings
from lr_demo.decoding.measuring import Measured
from lr_demo.decoding.progress import Reach
from lr_demo.events import Role
from lr_demo.prediction import Bottleneck, Choice, Costs, Workload, bottleneck, predict

LOOKAHEADS = (1, 2, 3, 4, 6, 8)
"""γ to choose from, 0 aside."""
_WIDE_UP_TO = 4
"""γ up to which two alternatives a position are considered: the target's sequences double with every step ahead."""
_ON, _OFF = 1.05, 1.0
"""Lookahead is switched on where it is predicted to be so much faster than plain decoding, off where it is not."""
_BETTER = 1.03
"""Another one is taken where it is predicted to be so much faster than the present one."""
_OTHERWISE = 1.2
"""Lookahead takes the place of drafting ahead where it is predicted to be so much faster, and the other way about: what
either has drafted is lost on the way."""
_WIDER = 1.1
"""Two alternatives are drafted where that is predicted to be so much faster: how alike they are is not measured."""
_MOST_DOUBT = 1.5
"""Standard deviations of the acceptance that lookahead has to be worth it at, once the run is behind."""
_STEPS_BEHIND, _SHARE_BEHIND = 0.3, 0.03
"""A run is as careful as it can be when so many steps, and so large a share of its steps, behind plain decoding."""
_LOOK_SHARE = 0.015
"""Looking whether lookahead would pay may make plain decoding slower by so much."""
_SELDOM = 8
"""Steps between two looks where lookahead would not pay even if every drafted step were accepted."""
_PROPOSALS = 8
"""Token proposals a pass that the draft's text comes to where it is right for long."""
_EXPECTED_TOKENS, _EXPECTED_SHARE = 12.0, 0.5
"""What is predicted of drafting ahead counts as much as so many measured tokens. Where the draft writes beside the
target, it counts only in part: after every token that it had otherwise, the draft begins again."""
_SURE = 1.5
"""A draft on the target's own cores that gains less rests for some tokens now and then: what they take is what its gain
is measured by, and the machine may have become faster."""
_AHEAD = Reach(0, ahead=True)
_HINDRANCES = {
    Bottleneck.PARALLELISM: "the target has little room for more sequences",
    Bottleneck.DRAFT: "the draft is slow",
    Bottleneck.ACCEPTANCE: "too many drafted steps are rejected",
    Bottleneck.VERDICTS: "verdicts take long",
    Bottleneck.TARGET: "nothing would help",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice, and why."""

    reach: Reach
    speedup: float | None
    """Predicted speed over plain decoding on the same server; where that is chosen, of the best alternative. None where
    nothing could be predicted."""
    reason: str


class Chooser:
    """Chooses again whenever it is asked; small gains change nothing."""

    def __init__(
        self,
        measured: Measured,
        settings: RunSettings,
        *,
        alternatives_differ: bool,
        alone: Callable[[], bool] = lambda: True,
    ) -> None:
        """`alternatives_differ`: drafted alternatives are sampled, not all the same.

        `alone`: whether no other run has the target.
        """
        self._measured, self._alone = measured, alone
        self._budget = settings.parallel_budget
        self._widest = 2 if alternatives_differ else 1
        self.present = Reach(0)
        self.behind_s = 0.0
        """How much longer than plain decoding the run took, when that was last known; negative: it gained."""
        self.steps = 0
        """Steps in the answer."""

    def decide(self) -> Decision:
        """What to go on with."""
        decision = self._decision()
        self.present = decision.reach
        return decision

    def look_every(self) -> int:
        """Where lookahead is off: steps from one look whether it would pay to the next."""
        measured = self._measured
        costs = measured.costs()
        if costs is None or measured.step_s <= 0:
            return 1
        slower = (measured.looking_slows - 1) * min(1.0, measured.look_s / measured.step_s)
        return max(ceil(slower / _LOOK_SHARE), _SELDOM if self.hopeless else 1)

    @property
    def hopeless(self) -> bool:
        """Whether lookahead would not pay even if every drafted step were accepted, as far as costs are known."""
        known = self._measured.costs() is not None
        return known and max(self._speedups(self._reaches(), 1.0).values()) < _ON

    def predicted(self) -> float | None:
        """Speed over plain decoding that the present lookahead should have; None where that cannot be told."""
        if not self.present.lookahead or self._measured.costs() is None:
            return None
        return self._speedups([self.present], self._measured.acceptance)[self.present]

    def _decision(self) -> Decision:
        measured = self._measured
        away = sorted(measured.away & {Role.DRAFT, Role.JUDGE})
        costs = measured.costs()
        if away and (costs is None or Role.DRAFT in away or not self._suggests):
            return Decision(Reach(0), None, f"the {' and the '.join(away)} cannot be asked")
        if costs is None:
            return Decision(
                Reach(int(measured.paced)), None, "to begin with: how fast draft and verdicts are is not known"
            )
        alpha = max(0.0, measured.acceptance - self._caution() * measured.doubt)
        reaches = [] if away else self._reaches()
        options = {reach: measured.trust * gain for reach, gain in self._speedups(reaches, alpha).items()}
        if self._suggests:
            options[_AHEAD] = self._ahead_gain(costs)
        worth = {reach: gain / (_WIDER if reach.width > 1 else 1.0) for reach, gain in options.items()}
        best = max(worth, key=lambda reach: worth[reach])
        now = self.present
        if now == Reach(0) and measured.drafts_between and worth.get(_AHEAD, 0.0) >= _ON:
            now = _AHEAD  # tried first where the draft has no device of its own
        if worth[best] < (_ON if now == Reach(0) else _OFF):
            return Decision(Reach(0), options[best], self._why_not(max(reaches, key=lambda r: worth[r], default=best)))
        if now in options and worth[best] < worth[now] * (_BETTER if best.ahead == now.ahead else _OTHERWISE):
            best = now
        if best == now == _AHEAD and measured.drafts_between and measured.plain_in_doubt and options[best] < _SURE:
            return Decision(Reach(0), options[best], "for some tokens, to see how fast the target is by itself")
        return Decision(best, options[best], self._agreed() if best.ahead else self._accepted())

    @property
    def _suggests(self) -> bool:
        """Whether what a draft writes for plain decoding would be proposed."""
        return self._measured.suggests and (self._alone() or not self._measured.drafts_between)

    def _reaches(self) -> list[Reach]:
        """What lookahead can be chosen: one step ahead until it was seen what a second sequence in flight costs."""
        if max(self._measured.sizes) < 2:
            return [Reach(1)]
        return [
            Reach(lookahead, width)
            for lookahead in LOOKAHEADS
            for width in range(1, self._widest + 1)
            if lookahead <= self._budget and (width == 1 or lookahead <= _WIDE_UP_TO)
        ]

    def _speedups(self, reaches: Sequence[Reach], alpha: float) -> dict[Reach, float]:
        """Speed over plain decoding that each lookahead is predicted to have."""
        (alone_s, costs), workload = self._costs(), self._measured.workload(alpha)
        return {reach: _tokens_per_s(costs, workload, self._choice(reach)) * alone_s for reach in reaches}

    def _ahead_gain(self, costs: Costs) -> float:
        """Speed over plain decoding with the draft writing ahead: predicted, and as far as it was tried, measured."""
        alone_s, seen = costs.target.seconds(1), self._measured.memory.ahead
        between = costs.drafts_between  # tried soon: it is undone between two tokens
        agreement = self._measured.agreement + (self._measured.agreement_doubt if between else 0.0)
        expected = 1 + (self._proposals_gain(costs, agreement) - 1) * (1.0 if between else _EXPECTED_SHARE)
        weight = seen.weight + _EXPECTED_TOKENS
        return alone_s * weight / (seen.total + alone_s / expected * _EXPECTED_TOKENS)

    def _proposals_gain(self, costs: Costs, agreement: float) -> float:
        """Speed over plain decoding that proposals of drafted text are predicted to have where so many are right."""
        choice = Choice(proposals=_PROPOSALS, drafted=True, budget=self._budget)
        workload = replace(self._measured.workload(0.0), token_acceptance=round(min(0.98, agreement), 2))
        return _tokens_per_s(costs, workload, choice) * costs.target.seconds(1)

    def _costs(self) -> tuple[float, Costs]:
        """Seconds of a token of plain decoding, and what lookahead costs."""
        costs = self._measured.costs()
        assert costs is not None, "asked for only where it is known"
        alone_s = costs.target.seconds(1)
        if self._measured.suggests:
            beside = replace(costs, drafts_between=False)  # in lookahead the draft never waits for the target's passes
            costs = self._measured.suggesting(costs, 1 / self._proposals_gain(beside, self._measured.agreement))
        return alone_s, costs

    def _choice(self, reach: Reach) -> Choice:
        """As if every verdict were waited for: the last one of an answer is, and how near that is nobody knows."""
        return Choice(reach.lookahead, width=reach.width, budget=self._budget, writes_on=False)

    def _caution(self) -> float:
        """Standard deviations to stay below the mean acceptance: more the further the run is behind."""
        step_s = self._measured.step_s
        if step_s <= 0:
            return 0.0
        allowed = _STEPS_BEHIND + _SHARE_BEHIND * self.steps
        return min(1.0, max(0.0, self.behind_s / step_s / allowed)) * _MOST_DOUBT

    def _accepted(self) -> str:
        how = "estimated" if self._measured.judged else "assumed"
        return f"acceptance {how} at {self._measured.acceptance:.0%}"

    def _agreed(self) -> str:
        how = "estimated" if self._measured.memory.agreed.weight else "assumed"
        return f"agreement with drafted tokens {how} at {self._measured.agreement:.0%}"

    def _why_not(self, reach: Reach) -> str:
        """Why neither the best lookahead nor the draft's proposals are worth it."""
        if reach.ahead:
            return self._in_vain()
        _, costs = self._costs()
        workload = self._measured.workload(self._measured.acceptance)
        hindrance = _HINDRANCES[bottleneck(costs, workload, self._choice(reach))]
        proposals = f"; {self._in_vain()}" if self._measured.suggests else ""
        return f"{self._accepted()}; {hindrance}{proposals}"

    def _in_vain(self) -> str:
        """Why drafted tokens are not proposed."""
        if not self._suggests:
            return "other runs have the target too, and several would wait for the drafts of all"
        costs = self._measured.costs()
        assert costs is not None, "asked for only where it is known"
        tried = "tried" if self._measured.memory.ahead.weight else self._agreed()
        return f"drafted tokens would not pay as proposals either: {self._ahead_gain(costs):.2f}× ({tried})"


@lru_cache(maxsize=4096)
def _tokens_per_s(costs: Costs, workload: Workload, choice: Choice) -> float:
    return predict(costs, workload, choice).tokens_per_s
