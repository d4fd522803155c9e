"""Cost sheets: what the cost model is told of servers that are not here, every input with its source."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, ValidationError, model_validator

from lr_demo.config.strict import Strict
from lr_demo.errors import ConfigError
from lr_demo.forecast import Expectation, expectation
from lr_demo.prediction import Choice, Costs, Pace, Workload, predict

OFF = 1.5
"""An input that is not verified may be too small or too large by this factor."""
_SHARES = frozenset({"correlation", "identical", "drafted_token_acceptance", "acceptance", "token_acceptance"})
"""Inputs that are 1 at most."""


class Input(Strict):
    """One figure that the model is told."""

    value: float = Field(ge=0)
    source: str = Field(min_length=1)
    verified: bool
    """Whether somebody measured it with these models."""


class Inputs(Strict):
    """What holds for every deployment and workload.

    Growth is the share that a pass takes longer for each further sequence, or for each proposal of each.
    """

    target_ms: Input
    target_growth: Input
    proposal_growth: Input
    draft_ms: Input
    draft_growth: Input
    verdict_ms: Input
    request_ms: Input
    target_read_ms: Input
    draft_read_ms: Input
    step_tokens: Input
    step_spread: Input
    correlation: Input
    identical: Input
    ngram_proposals: Input
    drafted_proposals: Input
    drafted_token_acceptance: Input


class Deployment(Strict):
    """Where the servers stand."""

    name: str
    plain_target_slowed: Input
    """Factor on the plain target's pass while the draft writes, where these share cards; the target of SD does not."""
    plain_draft_slowed: Input


class Published(Strict):
    """Speedups that others measured."""

    sd: float
    lr: float
    lr_sd: float
    source: str


class Work(Strict):
    """What is decoded."""

    name: str
    acceptance: Input
    token_acceptance: Input
    published: Published


class CostSheet(Strict):
    """A file of costs."""

    title: str
    lookahead: int = Field(ge=1, le=32)
    budget: int = Field(ge=1, le=256)
    inputs: Inputs
    deployments: tuple[Deployment, ...] = Field(min_length=1)
    workloads: tuple[Work, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _shares_are_shares(self) -> Self:
        for name, given in self.named():
            if name.rpartition(" ")[2] in _SHARES and given.value > 1:
                raise ValueError(f"{name} is {given.value:g}: it is a share, 1 at most")
        return self

    def named(self) -> Iterator[tuple[str, Input]]:
        """Every input with its name; those of a workload or deployment behind its name."""
        owned = [*((each.name, each) for each in self.deployments), *((each.name, each) for each in self.workloads)]
        parts: list[tuple[str, Strict]] = [("", self.inputs), *owned]
        for owner, part in parts:
            for name in type(part).model_fields:
                value = getattr(part, name)
                if isinstance(value, Input):
                    yield f"{owner} {name}".strip(), value


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One scheme in one place on one workload."""

    expected: Expectation
    published: float | None
    """Its speedup as others measured it."""
    low: float
    high: float
    """Least and largest speedup where one unverified input is off by `OFF`."""


def load_cost_sheet(file: str) -> CostSheet:
    """A cost sheet from a YAML file.

    Raises:
        ConfigError: it cannot be read, or is wrong; names file and key.
    """
    try:
        data = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the cost sheet {file} cannot be read: {error}; one ships as configs/costs/h100.yaml"
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: this is not YAML: {error}") from None
    try:
        return CostSheet.model_validate(data)
    except ValidationError as error:
        problems = []
        for each in error.errors():
            key = ".".join(map(str, each["loc"])) or "(top level)"
            problems.append(f"{file}, key {key}: {each['msg'].removeprefix('Value error, ')}")
        raise ConfigError("\n".join(problems)) from None


def expected_rows(sheet: CostSheet, place: Deployment, work: Work) -> list[SheetRow]:
    """AR, SD, LR, LR+SD with n-grams and with drafted steps."""
    rows = _expected(sheet.inputs, place, work, sheet.lookahead, sheet.budget)
    spans = [(row.speedup, row.speedup) for row in rows]
    for inputs, other_place, other_work in _variations(sheet.inputs, place, work):
        speedups = _speedups(inputs, other_place, other_work, sheet.lookahead, sheet.budget)
        spans = [(min(low, each), max(high, each)) for (low, high), each in zip(spans, speedups, strict=True)]
    told = work.published
    published = (None, told.sd, told.lr, told.lr_sd, None)
    return [SheetRow(row, known, *span) for row, known, span in zip(rows, published, spans, strict=True)]


_Plan = tuple[str, Costs, Choice]
"""A scheme's name, what its servers take, and its setting."""


def _expected(inputs: Inputs, place: Deployment, work: Work, lookahead: int, budget: int) -> list[Expectation]:
    workload = _workload(inputs, work)
    return [
        expectation(costs, workload, choice, name) for name, costs, choice in _plans(inputs, place, lookahead, budget)
    ]


def _speedups(inputs: Inputs, place: Deployment, work: Work, lookahead: int, budget: int) -> list[float]:
    workload = _workload(inputs, work)
    speeds = [
        predict(costs, workload, choice).tokens_per_s for _, costs, choice in _plans(inputs, place, lookahead, budget)
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
        yield given.model_copy(update={"value": min(value, 1.0) if name in _SHARES else value})
