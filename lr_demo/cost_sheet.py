"""What a cost sheet comes to: the expected speed of every scheme, and how far one doubtful input moves it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lr_demo.config import CostSheet, Deployment, Input, Inputs, SimulatedCosts, Work, load_cost_sheet
from lr_demo.config.cost_sheet import SHARES, sheet_file
from lr_demo.forecast import Expectation, expectation
from lr_demo.prediction import Choice, Costs, Pace, Workload, predict

OFF = 1.5
"""An input that is not verified may be too small or too large by this factor."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One scheme in one place on one workload."""

    expected: Expectation
    published: float | None
    """Its speedup as others measured it."""
    as_published: float
    """Predicted for what they measured: there the target does not write on behind its own step while that is judged."""
    low: float
    high: float
    """Least and largest speedup where one unverified input is off by `OFF`."""


def expected_rows(sheet: CostSheet, place: Deployment, work: Work) -> list[SheetRow]:
    """AR, SD, LR, LR+SD with n-grams and with drafted steps."""
    rows = _expected(sheet.inputs, place, work, sheet.lookahead, sheet.budget)
    spans = [(row.speedup, row.speedup) for row in rows]
    for inputs, other_place, other_work in _variations(sheet.inputs, place, work):
        speedups = _speedups(inputs, other_place, other_work, sheet.lookahead, sheet.budget)
        spans = [(min(low, each), max(high, each)) for (low, high), each in zip(spans, speedups, strict=True)]
    told = work.published
    published = (None, told.sd, told.lr, told.lr_sd, None)
    waiting = _speedups(sheet.inputs, place, work, sheet.lookahead, sheet.budget, writes_on=False)
    parts = zip(rows, published, waiting, spans, strict=True)
    return [SheetRow(row, known, as_published, *span) for row, known, as_published, span in parts]


_Plan = tuple[str, Costs, Choice]
"""A scheme's name, what its servers take, and its setting."""


def _expected(inputs: Inputs, place: Deployment, work: Work, lookahead: int, budget: int) -> list[Expectation]:
    workload = _workload(inputs, work)
    return [
        expectation(costs, workload, choice, name) for name, costs, choice in _plans(inputs, place, lookahead, budget)
    ]


def _speedups(
    inputs: Inputs, place: Deployment, work: Work, lookahead: int, budget: int, *, writes_on: bool = True
) -> list[float]:
    workload = _workload(inputs, work)
    speeds = [
        predict(costs, workload, replace(choice, writes_on=writes_on)).tokens_per_s
        for _, costs, choice in _plans(inputs, place, lookahead, budget)
    ]
    return [speed / speeds[0] for speed in speeds]


def _plans(inputs: Inputs, place: Deployment, lookahead: int, budget: int) -> list[_Plan]:
    ngram, drafted = round(inputs.ngram_proposals.value), round(inputs.drafted_proposals.value)
    costs = _costs(inputs)
    shared = replace(costs, target_slowed=place.plain_target_slowed.value, draft_slowed=place.plain_draft_slowed.value)
    return [
        ("AR", costs, Choice(budget=budget)),
        ("SD n-gram", costs, Choice(0, ngram, budget=budget)),
        ("LR", shared, Choice(lookahead, budget=budget)),
        ("LR+SD n-gram", costs, Choice(lookahead, ngram, budget=budget)),
        ("LR+SD drafted", costs, Choice(lookahead, drafted, budget=budget, drafted=True)),
    ]


def told(costs: SimulatedCosts) -> tuple[Costs, Workload]:
    """What a simulation's costs are to the cost model; the length of an answer is left as it is on the sheet.

    Raises:
        ConfigError: the sheet cannot be read any more.
    """
    sheet = load_cost_sheet(str(sheet_file(costs.sheet)))
    changed = {name: Input(value=getattr(costs, name), source="edited", verified=False) for name in costs.edited}
    work = next(work for work in sheet.workloads if work.name == costs.workload)
    inputs = sheet.inputs.model_copy(update={k: v for k, v in changed.items() if k in Inputs.model_fields})
    work = work.model_copy(update={k: v for k, v in changed.items() if k in Work.model_fields})
    return _costs(inputs), _workload(inputs, work)


def _costs(inputs: Inputs) -> Costs:
    target, draft = inputs.target_ms.value / 1000, inputs.draft_ms.value / 1000
    start = inputs.request_ms.value / 1000
    grown, drafts_grown = (1 + 63 * growth.value for growth in (inputs.target_growth, inputs.draft_growth))
    return Costs(
        target=Pace(((1, target), (64, target * grown)), start, inputs.target_read_ms.value / 1000),
        draft=Pace(((1, draft), (64, draft * drafts_grown)), start, inputs.draft_read_ms.value / 1000),
        verdict_s=inputs.verdict_ms.value / 1000,
        proposal_s=inputs.proposal_growth.value * target,
    )


def _workload(inputs: Inputs, work: Work) -> Workload:
    tokens = inputs.step_tokens.value
    return Workload(
        acceptance=work.acceptance.value,
        target_tokens=tokens,
        draft_tokens=tokens,
        spread=inputs.step_spread.value,
        correlation=inputs.correlation.value,
        identical=inputs.identical.value,
        token_acceptance=work.token_acceptance.value,
        drafted_token_acceptance=inputs.drafted_token_acceptance.value,
        answer_tokens=8192,
    )


def _variations(inputs: Inputs, place: Deployment, work: Work) -> Iterator[tuple[Inputs, Deployment, Work]]:
    """Each unverified input too small, then too large, by `OFF`; a factor of slowing by its part over 1."""
    for name in Inputs.model_fields:
        for value in _off(name, getattr(inputs, name)):
            yield inputs.model_copy(update={name: value}), place, work
    for name in ("plain_target_slowed", "plain_draft_slowed"):
        given: Input = getattr(place, name)
        if not given.verified:
            for factor in (1 / OFF, OFF):
                value = given.model_copy(update={"value": 1 + (given.value - 1) * factor})
                yield inputs, place.model_copy(update={name: value}), work
    for name in ("acceptance", "token_acceptance"):
        for value in _off(name, getattr(work, name)):
            yield inputs, place, work.model_copy(update={name: value})


def _off(name: str, given: Input) -> Iterator[Input]:
    if given.verified:
        return
    for factor in (1 / OFF, OFF):
        value = given.value * factor
        yield given.model_copy(update={"value": min(value, 1.0) if name in SHARES else value})
