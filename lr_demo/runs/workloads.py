"""What recorded runs say of the work: acceptance, step lengths, verdicts that were not needed, tokens a pass."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from statistics import correlation, fmean, pstdev

from lr_demo.config import Mode, Profile, RunSettings
from lr_demo.errors import TraceError
from lr_demo.events import Outcome, Role, RunStarted, RunStatus
from lr_demo.prediction import Workload
from lr_demo.run_state import RunState, StepKey, StepState, fold
from lr_demo.runs.roles import model_names, speculation_in_words
from lr_demo.runs.traces import TraceStore, read_trace
from lr_demo.theory import token_acceptance

RUNS = 12
"""So many of the newest runs are looked at."""
ASSUMED = Workload(acceptance=0.5, spread=0.5, identical=0.25)
"""Where nothing is recorded."""
_COMPARING = (Mode.LOOKAHEAD, Mode.LOOKAHEAD_SPECULATIVE)
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


@dataclass(frozen=True)
class Counts:
    """What one run tells of the work."""

    accepted: int
    corrected: int
    identical: int
    """Accepted steps that needed no verdict."""
    answer_tokens: int
    prompt_tokens: float
    """As if a token of the prompt were as long as one of the answer."""
    target: tuple[int, ...]
    """Tokens of the target's complete steps at the places of the answer."""
    drafted: tuple[int, ...]
    """The same of the draft."""
    pairs: tuple[tuple[int, int], ...]
    """Both, where both are complete."""
    written: int
    """Tokens of the target, in the answer or not."""
    saved: int
    """Of these, proposed tokens that were accepted."""
    proposed: int
    """Proposed tokens, accepted or not."""
    speculation: str
    """Where these were proposed, in words; empty where that is not known."""


def recorded_workload(
    store: TraceStore, profile: Profile, settings: RunSettings, proposals: int = 0, *, besides: str = ""
) -> Recorded:
    """The workload of the newest finished runs of a profile's models with the same verifier.

    `proposals`: what the profile's speculative target proposes a pass; `besides`: a run that does not count.
    """
    alone, *both = (settings.model_copy(update={"mode": mode}) for mode in (Mode.SPECULATIVE, *_COMPARING))
    runs = (counts for counts in _runs(store, profile, both, besides) if counts.accepted + counts.corrected)
    asked = _runs(store, profile, [alone], besides) if profile.drafts_between else ()
    words = speculation_in_words(profile, both[-1])
    return workload_of(islice(runs, RUNS), proposals, words, islice((run for run in asked if run.proposed), RUNS))


def workload_of(
    runs: Iterable[Counts], proposals: int = 0, speculation: str = "", asked: Iterable[Counts] = ()
) -> Recorded:
    """The workload of some runs; what they do not tell is assumed. `asked`: runs in which the draft was asked between
    passes, for as many proposals as paid."""
    told, with_asked = list(runs), list(asked)
    rate = _asked_acceptance(with_asked)
    prompts = [run.prompt_tokens for run in told or with_asked]
    prompt = fmean(prompts) if prompts else 0.0
    accepted, compared = sum(run.accepted for run in told), sum(run.accepted + run.corrected for run in told)
    target = [tokens for run in told for tokens in run.target]
    drafted = [tokens for run in told for tokens in run.drafted]
    if compared < _FEWEST or not target or not drafted:
        return Recorded(replace(ASSUMED, asked_token_acceptance=rate, prompt_tokens=prompt), 0, 0)
    found = Workload(
        acceptance=accepted / compared,
        target_tokens=fmean(target),
        draft_tokens=fmean(drafted),
        spread=pstdev(target) / fmean(target),
        correlation=_correlation([pair for run in told for pair in run.pairs]),
        identical=sum(run.identical for run in told) / accepted if accepted else 0.0,
        answer_tokens=sum(run.answer_tokens for run in told) / len(told),
        prompt_tokens=prompt,
        asked_token_acceptance=rate,
    )
    speculated = [run for run in told if run.speculation and run.speculation == speculation]
    written, saved = sum(run.written for run in speculated), sum(run.saved for run in speculated)
    tells_tokens = written > saved > 0 and proposals > 0
    if tells_tokens:
        own = token_acceptance(written / (written - saved), proposals)
        found = replace(found, token_acceptance=own, drafted_token_acceptance=own)
    return Recorded(found, len(told), compared, tells_tokens)


def _asked_acceptance(runs: list[Counts]) -> float | None:
    """That a proposal is accepted where those before it were; None where no run tells."""
    written, saved = sum(run.written for run in runs), sum(run.saved for run in runs)
    if not written > saved > 0:
        return None
    passes = written - saved
    return token_acceptance(written / passes, sum(run.proposed for run in runs) / passes)


def counts_of(state: RunState) -> Counts:
    """What a run tells."""
    target: list[int] = []
    drafted: list[int] = []
    pairs: list[tuple[int, int]] = []
    identical = 0
    for step in state.answer:
        one, other = (_complete(state, step.key.position, role) for role in (Role.TARGET, Role.DRAFT))
        if one is not None:
            target.append(one.tokens)
        if other is not None:
            drafted.append(other.tokens)
            verdict = other.verdict
            identical += step.outcome is Outcome.ACCEPTED and verdict is not None and verdict.method == "identical"
        if one is not None and other is not None:
            pairs.append((one.tokens, other.tokens))
    outcomes = [step.outcome for step in state.answer]
    counted = state.finished.speculation if state.finished else None
    answer_tokens, characters = sum(step.tokens for step in state.answer), len(state.text())
    return Counts(
        accepted=outcomes.count(Outcome.ACCEPTED),
        corrected=outcomes.count(Outcome.CORRECTED),
        identical=identical,
        answer_tokens=answer_tokens,
        prompt_tokens=len(state.started.prompt) * answer_tokens / characters if state.started and characters else 0.0,
        target=tuple(target),
        drafted=tuple(drafted),
        pairs=tuple(pairs),
        written=state.tokens_written[Role.TARGET],
        saved=counted.accepted_tokens if counted is not None else 0,
        proposed=counted.proposed_tokens if counted is not None else 0,
        speculation=state.started.speculation if state.started and counted is not None else "",
    )


def _complete(state: RunState, position: int, role: Role) -> StepState | None:
    step = state.steps.get(StepKey(position, role))
    return step if step is not None and step.finish is not None else None


def _runs(store: TraceStore, profile: Profile, settings: Sequence[RunSettings], besides: str) -> Iterable[Counts]:
    """Finished runs that were made with any of these settings, the newest first."""
    for header in store.headers():
        started, finished = header.started, header.finished
        if header.run == besides or finished is None or finished.status is not RunStatus.FINISHED:
            continue
        if any(_alike(started, profile, each) for each in settings):
            try:
                yield _recorded_counts(header.path)
            except TraceError:
                continue


@lru_cache(maxsize=256)
def _recorded_counts(path: Path) -> Counts:
    """Of a finished run, whose trace does not change any more."""
    return counts_of(fold(read_trace(path)))


def _alike(started: RunStarted, profile: Profile, settings: RunSettings) -> bool:
    """Whether a run was made by the same models in the same mode, and where steps are compared, under the same
    verifier."""
    if started.mode != settings.mode or started.simulated != profile.simulated:
        return False
    if started.models != model_names(profile, settings):
        return False
    return not settings.mode.compares_steps or started.settings.get("verifier") == settings.verifier.value


def _correlation(pairs: list[tuple[int, int]]) -> float:
    """Between the lengths of the two steps of a position, 0 to 1."""
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    if len(set(one)) < 2 or len(set(other)) < 2:
        return ASSUMED.correlation
    return min(1.0, max(0.0, correlation(one, other)))
