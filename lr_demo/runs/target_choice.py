"""Which target a run in mode auto plays on where there are two: the plain one, or the one with token-level speculation.

Within a run all that costs time can be switched off but the target itself. So the one that speculates plays only where
it was faster, or is predicted to be and cannot be slower.
"""

from dataclasses import dataclass, replace

from lr_demo.config import Mode, RunSettings, Schedule, VerifierKind
from lr_demo.decoding.measuring import Measured
from lr_demo.mean import Mean
from lr_demo.prediction import Workload, best_settings, choices
from lr_demo.runs.probes import ProbeRecord
from lr_demo.theory import token_acceptance

_BETTER = 1.03
"""The other target is played on where its runs were so much faster, …"""
_GAIN = 1.05
"""… or are predicted to be. A pass of it that takes more than so much of a plain one can lose."""
_KEPT_TOKENS = 4000.0
"""A speed is the mean over about so many tokens, the latest ones most."""
_USUAL_TOKENS = 0.3
"""Share of proposed tokens that are right, where they come from elsewhere than a draft and nobody has measured it."""


@dataclass(frozen=True, slots=True)
class Played:
    """By whom a run is played."""

    settings: RunSettings
    """Those of a mode that is played by the same."""
    reason: str = ""
    """Empty where there was no choice."""


class Shown:
    """How fast whole runs were, by the target they were played on and the mode."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[bool, Mode, VerifierKind | None], Mean] = {}

    def add(self, mode: Mode, played: RunSettings, tokens: int, seconds: float) -> None:
        """A run in this mode wrote so many tokens in so many seconds; SpecReason's tell nothing here."""
        if tokens > 0 and mode is not Mode.SPECREASON:
            verifier = played.verifier if mode.compares_steps else None
            key = played.mode.speculates_tokens, mode, verifier
            self._seconds.setdefault(key, Mean(_KEPT_TOKENS)).add(seconds, tokens)

    def best(self, played: RunSettings) -> float | None:
        """Tokens per second of the fastest mode on this target with this verifier; None where none was run."""
        found = [
            1 / mean.value(0.0)
            for (speculates, _, verifier), mean in self._seconds.items()
            if speculates == played.mode.speculates_tokens and verifier in (None, played.verifier)
        ]
        return max(found, default=None)


def choose_target(
    plain: RunSettings,
    speculative: RunSettings,
    shown: Shown,
    probe: ProbeRecord | None,
    measured: Measured,
    *,
    proposes: bool,
) -> Played:
    """By what earlier runs have shown of both targets; else by what a probe predicts; else the plain one.

    `measured`: what is known of drafted steps. `proposes`: the target has token proposals that cannot be switched off.
    """
    one, other = shown.best(plain), shown.best(speculative)
    if one is not None and other is not None:
        speeds = f"runs had {other:.1f} tokens/s on the target that speculates, {one:.1f} on the plain one"
        return Played(speculative if other > one * _BETTER else plain, speeds)
    if probe is None or not probe.proposals or probe.costs.speculative is None:
        return Played(plain, "on the plain target, which cannot lose: what token proposals gain was not measured yet")
    slower = probe.costs.speculative.seconds(1) / probe.costs.target.seconds(1)
    if proposes and slower > _GAIN:
        reason = f"on the plain target, which cannot lose: a pass with token proposals takes {slower:.2f} times as long"
        return Played(plain, reason)
    gain = _predicted_gain(probe, _workload(probe, measured), plain.parallel_budget)
    if gain < _GAIN:
        return Played(plain, f"on the plain target: the one that speculates is predicted to be {gain:.2f}× as fast")
    return Played(speculative, f"on the target that speculates, predicted to be {gain:.2f}× as fast as the plain one")


def _workload(probe: ProbeRecord, measured: Measured) -> Workload:
    work = measured.workload(measured.acceptance)
    if probe.drafted:
        return work
    stated = probe.tokens_a_pass if probe.simulated else None  # a probe's own text repeats itself as no answer does
    rate = token_acceptance(stated, probe.proposals) if stated is not None else _USUAL_TOKENS
    return replace(work, token_acceptance=rate)


def _predicted_gain(probe: ProbeRecord, work: Workload, budget: int) -> float:
    """The best on the one target over the best on the other."""
    among = list(
        choices(
            proposals=(probe.proposals,),
            drafted=probe.drafted,
            drafts=probe.costs.draft is not None,
            budget=budget,
            schedules=(Schedule.ASYNC,),
        )
    )
    plain = best_settings(probe.costs, work, (choice for choice in among if not choice.proposals))
    speculative = best_settings(probe.costs, work, (choice for choice in among if choice.proposals))
    return speculative.tokens_per_s / plain.tokens_per_s
