"""Cost sheets: what is known of servers that are not here, every figure with its source."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, ValidationError, model_validator

from lr_demo.config.strict import Strict
from lr_demo.errors import ConfigError

COSTS_FOLDER = Path(__file__).resolve().parents[2] / "configs" / "costs"
SHARES = frozenset({"correlation", "identical", "drafted_token_acceptance", "acceptance", "token_acceptance"})
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
            if name.rpartition(" ")[2] in SHARES and given.value > 1:
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


def sheet_file(name: str) -> Path:
    """Where a sheet lies: one that ships is named without its ending, any other by its path."""
    return Path(name) if Path(name).suffix in (".yaml", ".yml") else COSTS_FOLDER / f"{name}.yaml"


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
