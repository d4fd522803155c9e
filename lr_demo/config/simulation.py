"""What simulated servers write, invented or recorded, and what they take: a sheet's costs, or others in their place."""

from collections.abc import Mapping
from enum import StrEnum
from math import sqrt
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from lr_demo.config.cost_sheet import CostSheet, Inputs, Work, load_cost_sheet, sheet_file
from lr_demo.config.servers import SimulatedServer
from lr_demo.config.speculation import SimulatedSpeculation
from lr_demo.config.strict import Strict
from lr_demo.errors import ConfigError

_MOST_SPREAD = 0.95
_Milliseconds = Annotated[float, Field(ge=0, le=60_000)]
_Share = Annotated[float, Field(ge=0, le=1)]


class Text(StrEnum):
    """Where simulated text comes from."""

    INVENTED = "invented"
    """Seeded sentences of arithmetic."""
    RECORDED = "recorded"
    """Recorded runs of real models, under `assets/recordings.yaml`."""


class SimulatedCosts(Strict):
    """Figures of a cost sheet, by the names they have there; one that is given stands in place of the sheet's."""

    sheet: str
    """A file under `configs/costs` without its ending, or a path."""
    workload: str
    """One of the sheet's: whose rates of acceptance these are."""
    title: str
    """The sheet's."""
    edited: tuple[str, ...]
    """The figures that are not the sheet's."""
    target_ms: float = Field(gt=0, le=60_000)
    target_growth: float = Field(ge=0, le=10)
    proposal_growth: float = Field(ge=0, le=10)
    draft_ms: float = Field(gt=0, le=60_000)
    draft_growth: float = Field(ge=0, le=10)
    verdict_ms: _Milliseconds
    request_ms: _Milliseconds
    target_read_ms: _Milliseconds
    draft_read_ms: _Milliseconds
    step_tokens: float = Field(ge=2, le=2000)
    step_spread: float = Field(ge=0, le=5)
    identical: _Share
    ngram_proposals: int = Field(ge=1, le=64)
    acceptance: _Share
    """Of drafted steps. Where the text is recorded, so are the verdicts, and they stand unless this is changed."""
    token_acceptance: _Share

    @model_validator(mode="before")
    @classmethod
    def _rest_is_the_sheets(cls, given: object) -> object:
        if not isinstance(given, dict) or not {"sheet", "workload"} <= given.keys():
            return given  # the fields say what is missing
        try:
            sheet = load_cost_sheet(str(sheet_file(str(given["sheet"]))))
        except ConfigError as error:
            raise ValueError(str(error)) from None
        figures = _figures(sheet, str(given["workload"]))
        edited = tuple(name for name in figures if name in given and given[name] != figures[name])
        return {**figures, **given, "title": sheet.title, "edited": edited}

    @property
    def in_words(self) -> str:
        """The cost model's name, and what was changed in it."""
        changes = [f"{name} {getattr(self, name):g}" for name in self.edited]
        return f"{self.title}, {self.workload}" + (f", edited: {', '.join(changes)}" if changes else "")

    def of_sheet(self) -> dict[str, float]:
        """The sheet's figures, by name.

        Raises:
            ConfigError: the sheet cannot be read any more.
        """
        return _figures(load_cost_sheet(str(sheet_file(self.sheet))), self.workload)

    def with_figures(self, figures: Mapping[str, float]) -> "SimulatedCosts":
        """These costs with some figures changed; one that is the sheet's is an edit no more.

        Raises:
            ConfigError: a figure is unknown or out of range; says which and what is allowed.
        """
        kept = {name: getattr(self, name) for name in self.edited}
        try:
            return SimulatedCosts.model_validate({"sheet": self.sheet, "workload": self.workload, **kept, **figures})
        except ValidationError as error:
            problems = [
                f"{'.'.join(map(str, each['loc']))} = {each['input']!r}: {each['msg']}" for each in error.errors()
            ]
            raise ConfigError("; ".join(problems)) from None

    def paced(self, server: SimulatedServer, *, drafts: bool) -> SimulatedServer:
        """A server at this pace, whatever it says of its own."""
        speculation = server.speculation
        if isinstance(speculation, SimulatedSpeculation):
            told = {"tokens": self.ngram_proposals, "acceptance": self.token_acceptance}
            speculation = speculation.model_copy(update=told)
        pace = {
            "ms_per_token": self.draft_ms if drafts else self.target_ms,
            "batch_cost": (),
            "batch_growth": self.draft_growth if drafts else self.target_growth,
            "proposal_growth": self.proposal_growth,
            "request_ms": self.request_ms,
            "read_ms": self.draft_read_ms if drafts else self.target_read_ms,
            "speculation": speculation,
        }
        return server.model_copy(update=pace)


class Simulation(Strict):
    """The text the simulated models write."""

    text: Text = Text.INVENTED
    steps: int = Field(default=24, ge=1)
    tokens_per_step: int = Field(default=40, ge=2)
    spread: float = Field(default=0.3, ge=0, lt=1)
    """Step lengths vary by this share around the mean."""
    acceptance: float = Field(default=0.6, ge=0, le=1)
    """Chance that a drafted step means the same as the target's."""
    identical: float = Field(default=0.25, ge=0, le=1)
    """Share of those that say it in the target's very words."""
    verdict_ms: float = Field(default=20.0, ge=0)
    chunk_tokens: int = Field(default=1, ge=1)
    """Tokens per streamed chunk."""
    costs: SimulatedCosts | None = None
    """They set the pace of every simulated server, whatever that says, and all that is said above of invented steps."""

    @property
    def priced(self) -> "Simulation":
        """With what the costs say of steps and verdicts."""
        costs = self.costs
        if costs is None:
            return self
        told = {
            "tokens_per_step": round(costs.step_tokens),
            "spread": min(_MOST_SPREAD, costs.step_spread * sqrt(3)),  # lengths are uniform
            "acceptance": costs.acceptance,
            "identical": costs.identical,
            "verdict_ms": costs.verdict_ms,
        }
        return self.model_copy(update=told)


def _figures(sheet: CostSheet, workload: str) -> dict[str, float]:
    """Every figure of a sheet that a simulation uses, by name."""
    work = next((each for each in sheet.workloads if each.name == workload), None)
    if work is None:
        names = ", ".join(each.name for each in sheet.workloads)
        raise ValueError(f"the cost sheet has no workload {workload!r}: choose one of {names}")
    found: dict[str, float] = {}
    parts: tuple[Inputs | Work, ...] = (sheet.inputs, work)
    for part in parts:
        used = type(part).model_fields.keys() & SimulatedCosts.model_fields.keys()
        found |= {name: getattr(part, name).value for name in type(part).model_fields if name in used}
    return found
