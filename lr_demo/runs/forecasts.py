"""What the cost model expects of a run: from the probe of its profile and the acceptance of the runs before it."""

from dataclasses import dataclass, replace

from lr_demo.config import Mode, Profile
from lr_demo.events import RunStatus
from lr_demo.forecast import Expectation, best_choice, expectation
from lr_demo.prediction import Choice, predict
from lr_demo.runs.probes import ProbeRecord, ProbeStore, stated_probe
from lr_demo.runs.race import Race
from lr_demo.runs.traces import TraceStore
from lr_demo.runs.workloads import counts_of, recorded_workload, workload_of


@dataclass(frozen=True)
class Forecast:
    """The expectation of one run."""

    expected: Expectation
    best: Expectation
    """The fastest setting there is."""
    probe: ProbeRecord
    acceptance_source: str
    """Where the acceptance comes from, in words."""
    hindsight: float | None
    """Tokens per second that would have been expected with the acceptance and steps that this run turned out to have:
    what is left of the error is the model's. None while it runs, or where too little was compared."""


def race_forecast(
    race: Race, profile: Profile, hardware: str, probes: ProbeStore, traces: TraceStore
) -> Forecast | None:
    """What was to be expected of a race's run; None where no costs are probed or stated, and for SpecReason."""
    run = race.run
    started, settings = run.started, run.settings
    if settings.mode is Mode.SPECREASON or (started is not None and started.profile != profile.name):
        return None
    probe = stated_probe(profile, settings, hardware) or probes.find(profile, hardware)
    if probe is None or (settings.mode.speculates_tokens and not probe.proposals):
        return None
    if settings.mode.compares_steps and probe.costs.draft is None:
        return None
    recorded = recorded_workload(traces, profile, settings, probe.proposals, besides=run.id)
    work = recorded.fitted(probe.tokens_a_pass, probe.proposals)
    proposals = (probe.proposals,) if probe.proposals else ()
    best = best_choice(probe.costs, work, proposals, probe.drafted, settings.parallel_budget)
    choice = Choice.of(settings, probe.proposals, probe.drafted)
    if settings.mode is Mode.AUTO:  # it chooses among the same, on the target that it plays on
        own_proposals = proposals if started is not None and started.speculation else ()
        choice = best_choice(probe.costs, work, own_proposals, probe.drafted, settings.parallel_budget)
    hindsight = None
    finished = run.log.finished
    if finished is not None and finished.status is RunStatus.FINISHED and settings.mode.compares_steps:
        own = workload_of([counts_of(run.state())], probe.proposals, started.speculation if started is not None else "")
        if own.runs:
            tokens = own.workload if own.told_tokens else replace(own.workload, token_acceptance=work.token_acceptance)
            hindsight = predict(probe.costs, tokens, choice).tokens_per_s
    return Forecast(
        expectation(probe.costs, work, choice),
        expectation(probe.costs, work, best),
        probe,
        recorded.source,
        hindsight,
    )
