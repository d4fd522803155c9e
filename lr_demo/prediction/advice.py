"""What predictions are good for: the best choice, and what holds one back."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum

from lr_demo.config import Schedule
from lr_demo.errors import ConfigError
from lr_demo.prediction.inputs import Choice, Costs, Pace, Workload
from lr_demo.prediction.speed import Prediction, predict

LOOKAHEADS = (1, 2, 3, 4, 5, 6, 8, 10)
"""γ that `best_settings` tries."""
WIDTHS = (1, 2)


class Bottleneck(StrEnum):
    """What holds a run back most."""

    PARALLELISM = "spare parallelism"
    DRAFT = "draft speed"
    ACCEPTANCE = "acceptance"
    VERDICTS = "verdicts"
    TARGET = "the target alone"


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
        yield Bottleneck.ACCEPTANCE, (costs, _alike(workload, choice))
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


def _alike(workload: Workload, choice: Choice) -> Workload:
    """With half as many rejects: of steps, or without lookahead of tokens."""
    if choice.lookahead:
        return replace(workload, acceptance=(1 + workload.acceptance) / 2)
    drafted, asked = workload.drafted_token_acceptance, workload.asked_token_acceptance
    return replace(
        workload,
        token_acceptance=(1 + workload.token_acceptance) / 2,
        drafted_token_acceptance=None if drafted is None else (1 + drafted) / 2,
        asked_token_acceptance=None if asked is None else (1 + asked) / 2,
    )


def _flatter(pace: Pace) -> Pace:
    alone = pace.pass_s[0][1]
    return replace(pace, pass_s=tuple((n, (alone + s) / 2) for n, s in pace.pass_s))
