"""A run in figures: a pure function of its folded log and its baseline's."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from lr_demo.decoding.answers import final_answer
from lr_demo.events import Outcome, Role, RunStatus, TokenSpeculation, Verdict
from lr_demo.run_state import RunState, StepKey, StepPhase

WITHOUT_VERIFIER = frozenset({"identical", "ending"})
"""Methods of verdicts that needed no verifier: they have no latency worth counting."""


class SpeculationFigures(BaseModel):
    """Token-level speculation of a run, as the target's server counted it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drafts: int
    """Passes of the target that had proposals to check."""
    proposed_tokens: int
    accepted_tokens: int
    acceptance_rate: float | None
    """Share of the proposed tokens that were accepted."""
    mean_accepted_length: float | None
    """Tokens that a pass with proposals came to: 1 + accepted / drafts."""


class Summary(BaseModel):
    """What one run achieved. None where a figure does not exist, as an acceptance rate without comparisons."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    status: RunStatus
    reason: str
    """Why it ended; for a failed run the message for the user. Empty while it runs."""
    mode: str
    profile: str
    models: dict[str, str]
    """Role to model name."""
    simulated: bool
    """True where no real model took part: no figure here was measured on one."""
    simulation: str
    """What its times and text were made of, in words; empty where that has no name."""
    answer: str
    final_answer: str | None
    """What the answer states as its result, as its last `\\boxed{…}`."""
    output_tokens: int
    """Tokens of the answer as the target counts them: the sum over committed steps."""
    wall_s: float
    """Seconds from the start of the run to its end."""
    tokens_per_s: float | None
    """Output tokens per second of wall time."""
    time_to_final_answer_s: float | None
    """Seconds until the committed text stated the final answer."""
    baseline: str | None
    """Run id of the autoregressive baseline, where one has finished."""
    baseline_tokens_per_s: float | None
    speedup: float | None
    """`tokens_per_s` over `baseline_tokens_per_s`."""
    accepted: int
    """Drafted steps in the answer."""
    corrected: int
    """Target steps in the answer that took the place of rejected drafted ones."""
    target_steps: int
    """Target steps in the answer with no drafted step to compare."""
    acceptance_rate: float | None
    """accepted / (accepted + corrected): of the steps of the answer that were decided by comparison, the
    share where the drafted one stayed. Verdicts on text that was thrown away do not count."""
    mean_accepted_run: float | None
    """Accepted steps per cycle (from one correction to the next), over the cycles with a decided step."""
    drafted_tokens: int
    """Tokens the draft wrote, kept or not, in its own tokens; those it wrote ahead for token proposals among them."""
    wasted_draft_tokens: int
    """Drafted tokens that are not in the answer; of those written ahead, the ones that the target did not confirm."""
    wasted_target_tokens: int
    """Target tokens that neither are in the answer nor decided one of its steps: expansions of text that
    was thrown away. The step that a kept drafted one was compared with is not counted as wasted."""
    verdict_latency_p50_s: float | None
    """Median seconds the verifier took, over the verdicts that asked it."""
    verdict_latency_p95_s: float | None
    verdict_wait_s: float | None = None
    """Seconds in which the answer could not grow for want of a verdict alone: every step that it is given on was
    complete. None where no step of the answer was compared."""
    chosen: str | None = None
    """Mode auto: what it chose last, in words."""
    steps_without_lookahead: int | None = None
    """Mode auto: steps of the answer that began while lookahead was off."""
    speculation: SpeculationFigures | None
    """None where the target did not speculate, the server does not tell, or the run has not ended."""


def summarize(state: RunState, baseline: RunState | None = None) -> Summary:
    """The figures of a run so far; a baseline counts once it has finished.

    Raises:
        ValueError: the run has not started.
    """
    if state.started is None:
        raise ValueError("a run that has not started has no summary")
    started, finished, text = state.started, state.finished, state.text()
    counts = {outcome: sum(step.outcome is outcome for step in state.answer) for outcome in Outcome}
    accepted, corrected = counts[Outcome.ACCEPTED], counts[Outcome.CORRECTED]
    tokens = sum(step.tokens for step in state.answer)
    speed = tokens / state.t if state.t > 0 else None
    measured = baseline if baseline is not None and baseline.status is RunStatus.FINISHED else None
    reference = summarize(measured) if measured is not None else None
    cycles = {step.cycle for step in state.answer if step.outcome is not Outcome.TARGET}
    latencies = [verdict.latency_s for verdict in state.verdicts if verdict.method not in WITHOUT_VERIFIER]
    return Summary(
        run=started.run,
        status=state.status,
        reason=finished.reason if finished is not None else "",
        mode=started.mode,
        profile=started.profile,
        models=started.models,
        simulated=started.simulated,
        simulation=started.simulation,
        answer=text,
        final_answer=final_answer(text),
        output_tokens=tokens,
        wall_s=state.t,
        tokens_per_s=speed,
        time_to_final_answer_s=_time_to_final_answer(state, text),
        baseline=reference.run if reference is not None else None,
        baseline_tokens_per_s=reference.tokens_per_s if reference is not None else None,
        speedup=_ratio(speed, reference.tokens_per_s) if reference is not None else None,
        accepted=accepted,
        corrected=corrected,
        target_steps=counts[Outcome.TARGET],
        acceptance_rate=_ratio(accepted, accepted + corrected),
        mean_accepted_run=_ratio(accepted, len(cycles)),
        drafted_tokens=state.tokens_written[Role.DRAFT],
        wasted_draft_tokens=(
            state.tokens_written[Role.DRAFT] - _used(state, Role.DRAFT) - state.drafted_ahead.confirmed
        ),
        wasted_target_tokens=state.tokens_written[Role.TARGET] - _used(state, Role.TARGET),
        verdict_latency_p50_s=percentile(latencies, 0.50),
        verdict_latency_p95_s=percentile(latencies, 0.95),
        verdict_wait_s=_verdict_wait_s(state) if accepted + corrected else None,
        chosen=state.chosen[-1].sentence.removeprefix("auto: ") if state.chosen else None,
        steps_without_lookahead=_steps_without_lookahead(state) if state.chosen else None,
        speculation=_speculation(finished.speculation) if finished and finished.speculation else None,
    )


def _speculation(counted: TokenSpeculation) -> SpeculationFigures:
    return SpeculationFigures(
        **counted.model_dump(),
        acceptance_rate=counted.acceptance_rate,
        mean_accepted_length=counted.mean_accepted_length,
    )


def _steps_without_lookahead(state: RunState) -> int:
    starts = [choice.step for choice in state.chosen] + [len(state.answer)]
    spans = zip(state.chosen, starts, starts[1:], strict=False)
    return sum(max(0, end - start) for choice, start, end in spans if not choice.lookahead)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of the values lie, between neighbours in proportion; None for none."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _used(state: RunState, role: Role) -> int:
    """Tokens of a role's steps that are in the answer, or that decided one of its steps."""
    used = 0
    for committed in state.answer:
        key = committed.key
        if key.role is role:
            used += state.steps[key].tokens
        elif role is Role.TARGET:
            compared = state.steps.get(StepKey(key.position, Role.TARGET))
            if compared is not None and compared.phase is not StepPhase.CANCELLED:
                used += compared.tokens
    return used


def _verdict_wait_s(state: RunState) -> float:
    """The time between one step of the answer and the next in which verdicts on the next were being given.

    A verdict is given once the target's step is there, and then the answer waits for no draft any more; so while one is
    given on the root, it waits for nothing else. Verdicts on positions ahead of the root cost no time of the answer's.
    """
    waited = since = 0.0
    for committed in state.answer:
        reached = since  # no time counts twice where alternatives are judged side by side
        for verdict in _verdicts_at(state, committed.key.position):
            end = min(verdict.t, committed.t)
            waited += max(0.0, end - max(reached, verdict.t - verdict.latency_s))
            reached = max(reached, end)
        since = committed.t
    return waited


def _verdicts_at(state: RunState, position: int) -> list[Verdict]:
    """The verdicts given on a position's drafted steps, in the order in which they began."""
    found, alternative = [], 0
    while (step := state.steps.get(StepKey(position, Role.DRAFT, alternative))) is not None:
        if step.verdict is not None:
            found.append(step.verdict)
        alternative += 1
    return sorted(found, key=lambda verdict: verdict.t - verdict.latency_s)


def _time_to_final_answer(state: RunState, text: str) -> float | None:
    """When the committed text began to state what it states in the end: bisection over its steps.

    A text that states the result once goes on stating it, so whether a beginning states it is sorted.
    """
    found = final_answer(text)
    if found is None:
        return None
    ends, length = [], 0
    for step in state.answer:
        length += len(state.steps[step.key].text)
        ends.append(length)
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if final_answer(text[: ends[middle]]) == found:
            high = middle
        else:
            low = middle + 1
    return state.answer[low].t
