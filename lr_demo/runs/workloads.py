"""What recorded runs say of the work: acceptance, step lengths, verdicts that were not needed, tokens a pass."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from statistics import correlation, fmean, pstdev

from lr_demo.config import Mode, Profile, RunSettings
from lr_demo.errors import TraceError
from lr_demo.events import Outcome, Role, RunStarted, RunStatus
from lr_demo.prediction import Workload
from lr_demo.run_state import RunState, StepKey, fold
from lr_demo.runs.roles import model_names, speculation_in_words
from lr_demo.runs.traces import TraceStore, read_trace
from lr_demo.theory import accepted_mean

RUNS = 12
"""So many of the newest runs are looked at."""
ASSUMED = Workload(acceptance=0.5, spread=0.5, identical=0.25)
"""Where nothing is recorded."""
_FEWEST = 8
"""Steps that have to be compared before their share counts for more than the assumption."""


@dataclass(frozen=True)
class Recorded:
    """A workload, and what it stands on."""

    workload: Workload
    runs: int
    """Recorded runs with lookahead reasoning; 0: acceptance is assumed."""
    compared: int
    """Steps that were decided by comparison in them."""

    told_tokens: bool = False
    """Whether token acceptance comes from these runs too."""

    def fitted(self, tokens_a_pass: float | None, proposals: int) -> Workload:
        """The workload; where no run told the acceptance of tokens, with what a probe saw of it."""
        if self.told_tokens or tokens_a_pass is None:
            return self.workload
        return replace(self.workload, token_acceptance=token_acceptance(tokens_a_pass, proposals))

    @property
    def source(self) -> str:
        """Where the acceptance comes from, in words."""
        if not self.runs:
            return f"assumed, since no run of this profile is recorded: α {self.workload.acceptance:.2f}"
        runs = "run" if self.runs == 1 else "runs"
        return f"recorded in {self.runs} {runs}, {self.compared} compared steps: α {self.workload.acceptance:.2f}"


def recorded_workload(
    store: TraceStore, profile: Profile, settings: RunSettings, proposals: int = 0, *, besides: str = ""
) -> Recorded:
    """The workload of the newest finished runs of a profile's models with the same verifier.

    `proposals`: what the profile's speculative target proposes a pass; `besides`: a run that does not count.
    """
    states = islice(_states(store, profile, settings, besides), RUNS)
    return workload_of(states, proposals, speculation_in_words(profile, _with_both(settings)))


def workload_of(states: Iterable[RunState], proposals: int = 0, speculation: str = "") -> Recorded:
    """The workload of some runs; what they do not tell is assumed."""
    pairs: list[tuple[int, int]] = []
    target: list[int] = []
    drafted: list[int] = []
    counts = dict.fromkeys(Outcome, 0)
    runs = identical = answers = written = saved = 0
    for state in states:
        runs += 1
        for step in state.answer:
            counts[step.outcome] += 1
            answers += step.tokens
            one = state.steps.get(StepKey(step.key.position, Role.TARGET))
            other = state.steps.get(StepKey(step.key.position, Role.DRAFT))
            if one is not None and one.finish is not None:
                target.append(one.tokens)
            if other is not None and other.finish is not None:
                drafted.append(other.tokens)
                verdict = other.verdict
                identical += step.outcome is Outcome.ACCEPTED and verdict is not None and verdict.method == "identical"
                if one is not None and one.finish is not None:
                    pairs.append((one.tokens, other.tokens))
        counted = state.finished.speculation if state.finished else None
        if counted is not None and state.started is not None and state.started.speculation == speculation:
            written += state.tokens_written[Role.TARGET]
            saved += counted.accepted_tokens
    compared = counts[Outcome.ACCEPTED] + counts[Outcome.CORRECTED]
    if compared < _FEWEST or not target or not drafted:
        return Recorded(ASSUMED, 0, 0)
    found = Workload(
        acceptance=counts[Outcome.ACCEPTED] / compared,
        target_tokens=fmean(target),
        draft_tokens=fmean(drafted),
        spread=pstdev(target) / fmean(target),
        correlation=_correlation(pairs),
        identical=identical / counts[Outcome.ACCEPTED] if counts[Outcome.ACCEPTED] else 0.0,
        answer_tokens=answers / runs,
    )
    told = written > saved > 0 and proposals > 0
    if told:
        rate = token_acceptance(written / (written - saved), proposals)
        found = replace(found, token_acceptance=rate, drafted_token_acceptance=rate)
    return Recorded(found, runs, compared, told)


def token_acceptance(tokens_a_pass: float, proposals: int) -> float:
    """α₂ that gives so many tokens a pass with so many proposals; 0 to 1."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if accepted_mean(middle, proposals + 1) < tokens_a_pass else (low, middle)
    return low


def _states(store: TraceStore, profile: Profile, settings: RunSettings, besides: str) -> Iterable[RunState]:
    for header in store.headers():
        started, finished = header.started, header.finished
        if (
            header.run == besides
            or finished is None
            or finished.status is not RunStatus.FINISHED
            or not _alike(started, profile, settings)
        ):
            continue
        try:
            yield fold(read_trace(header.path))
        except TraceError:
            continue


def _alike(started: RunStarted, profile: Profile, settings: RunSettings) -> bool:
    """Whether a run was made by the same models under the same verifier."""
    if started.mode not in (Mode.LOOKAHEAD, Mode.LOOKAHEAD_SPECULATIVE) or started.simulated != profile.simulated:
        return False
    names = model_names(profile, settings.model_copy(update={"mode": Mode.LOOKAHEAD}))
    return started.models == names and started.settings.get("verifier") == settings.verifier.value


def _with_both(settings: RunSettings) -> RunSettings:
    return settings.model_copy(update={"mode": Mode.LOOKAHEAD_SPECULATIVE})


def _correlation(pairs: list[tuple[int, int]]) -> float:
    """Between the lengths of the two steps of a position, 0 to 1."""
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    if len(set(one)) < 2 or len(set(other)) < 2:
        return ASSUMED.correlation
    return min(1.0, max(0.0, correlation(one, other)))
