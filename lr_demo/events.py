"""The spine: everything the engine does is one of these events, and everything shown is a fold of them.

A *position* is a place in the tree of steps: its prefix is the accepted text plus the drafted steps
on the path to it. A step is named by (position, role, alternative); the target has one step per
position (alternative 0), the draft has `width` of them. Nothing here knows models, files or pages.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lr_demo.errors import TraceError, UnknownVersion

SCHEMA_VERSION = 1
"""Version of the event schema. A trace that carries another one is refused."""


class Role(StrEnum):
    """Who wrote a step or failed: the model roles."""

    TARGET = "target"
    DRAFT = "draft"
    JUDGE = "judge"


class StepFinish(StrEnum):
    """Why a step ended."""

    BOUNDARY = "boundary"
    """The token that completes a step boundary was written."""
    END = "end_of_sequence"
    """The model ended its answer."""
    STEP_CAP = "step_cap"
    """The step reached its cap: it was cut, no boundary follows it."""
    TOKEN_LIMIT = "token_limit"
    """The answer reached its token limit."""


class Outcome(StrEnum):
    """How a step came into the answer."""

    ACCEPTED = "accepted"
    """A drafted step the verifier kept."""
    CORRECTED = "corrected"
    """The target's step, in place of drafted ones that were rejected."""
    TARGET = "target"
    """The target's step where no drafted step was there to compare (plain decoding, a late draft)."""


class RunStatus(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


class _Event(BaseModel):
    """What all events share. `run`, `seq` and `t` are stamped once, by the log that takes the event."""

    model_config = ConfigDict(extra="forbid")

    run: str = ""
    seq: int = -1
    """Place in the log, from 0, without gaps."""
    t: float = 0.0
    """Seconds since the run began, on a monotonic clock."""

    def stamp(self, run: str, seq: int, t: float) -> None:
        """For the log that takes the event."""
        vars(self).update(run=run, seq=seq, t=t)  # values that need no check: a tenth of three assignments' time


class RunStarted(_Event):
    type: Literal["run_started"] = "run_started"
    schema_version: int = SCHEMA_VERSION
    prompt: str
    mode: str
    profile: str
    settings: dict[str, str | int | float | bool | None]
    """The run's settings, by the names of `config.RunSettings`."""
    models: dict[str, str]
    """Role to model name."""
    servers: dict[str, str] = {}
    """Role to the server that played it, as the profile names it."""
    speculation: str = ""
    """Token-level speculation of the target's server, in words; empty where there was none."""
    started_at: str
    """Wall-clock time, ISO 8601 with zone."""
    simulated: bool = False
    """True where no real model takes part: every figure of the run carries that label."""
    simulation: str = ""
    """What a simulated run's times and text are made of, in words, where that can be named."""
    baseline: str | None = None
    """Run id of the autoregressive baseline this run is compared with."""
    at_once: bool = False
    """True where it was measured at the same time as another run of its race, each on devices of its own."""
    turns: list[list[str]] = []
    """The runs of its race as they were measured: those of one list at the same time. In the race's own run only."""
    expected: str = ""
    """The answer that is expected, where one was given. No model is told."""
    devices: list[str] = []
    """What computed, as `GPU 0`; empty where that is not known."""
    concurrent: bool = False
    """True where other runs may have used the same servers meanwhile: its speed is not that of a run alone."""
    hardware: str = ""
    """What it ran on, for people."""
    fingerprint: str = ""
    """Stands for the servers and texts that the run was computed with: equal ones make two runs comparable."""

    @property
    def began(self) -> datetime:
        """`started_at`; the beginning of time where that is none."""
        try:
            return datetime.fromisoformat(self.started_at).astimezone(UTC)
        except (ValueError, OverflowError):
            return datetime.min.replace(tzinfo=UTC)


class CycleStarted(_Event):
    """From here (the start, or after a correction) until the next correction is one cycle."""

    type: Literal["cycle_started"] = "cycle_started"
    cycle: int
    position: int


class PositionOpened(_Event):
    """The prefix of a position is known: its target step and its drafted steps may start."""

    type: Literal["position_opened"] = "position_opened"
    position: int
    step: int
    """Index of the step in the answer, from 0."""
    parent: int | None = None
    """Position of the step that leads here; None for a root."""
    parent_alternative: int = 0
    parent_role: Role = Role.DRAFT
    """Who wrote that step. The target: it writes on behind its own step while that is judged, in case it stays; then
    this becomes the root."""


class StepStarted(_Event):
    """A request was sent. A second one for the same step (after a failure) starts it anew."""

    type: Literal["step_started"] = "step_started"
    position: int
    role: Role
    alternative: int = 0


class StepDelta(_Event):
    type: Literal["step_delta"] = "step_delta"
    position: int
    role: Role
    alternative: int = 0
    text: str
    tokens: int
    """Tokens in this delta."""
    passes: list[Annotated[int, Field(ge=1)]] | None = None
    """Its tokens by the passes of the target that wrote them, where it speculates on tokens: more than one in a pass
    are proposals that it confirmed. None elsewhere, and where the server does not tell passes apart."""


class StepFinished(_Event):
    """A step is complete; its ids and text here are authoritative."""

    type: Literal["step_finished"] = "step_finished"
    position: int
    role: Role
    alternative: int = 0
    token_ids: list[int]
    text: str
    finish: StepFinish
    origin: str | None = None
    """Where text comes from that no model wrote in this run, in words; None where one did, or where it is invented."""


class StepCancelled(_Event):
    """A step was given up, complete or not; if it was being written, its request has ended at the server."""

    type: Literal["step_cancelled"] = "step_cancelled"
    position: int
    role: Role
    alternative: int = 0


class VerdictStarted(_Event):
    type: Literal["verdict_started"] = "verdict_started"
    position: int
    alternative: int = 0
    method: str


class Verdict(_Event):
    type: Literal["verdict"] = "verdict"
    position: int
    alternative: int = 0
    accepted: bool
    method: str
    """`identical` (equal apart from white space and case), `ending` (only one of the two ends the
    answer), `error`, or the verifier's name."""
    score: float | None = None
    reason: str = ""
    latency_s: float = 0.0


class StepCommitted(_Event):
    """A step joins the answer. The answer is the concatenation of committed steps, in order."""

    type: Literal["step_committed"] = "step_committed"
    position: int
    role: Role
    alternative: int = 0
    outcome: Outcome
    step: int
    """Index of the step in the answer, from 0."""
    tokens: int
    """Tokens of the step as the target counts them."""


class DraftedAhead(_Event):
    """A draft beside a target in plain decoding wrote on: all it has written so far, for token proposals alone."""

    type: Literal["drafted_ahead"] = "drafted_ahead"
    tokens: int
    """Tokens the draft wrote."""
    confirmed: int
    """Of these, tokens that stand in the target's text where the draft saw them, that of its current step included."""


class RoleDegraded(_Event):
    type: Literal["role_degraded"] = "role_degraded"
    role: Role
    reason: str


class RoleRecovered(_Event):
    type: Literal["role_recovered"] = "role_recovered"
    role: Role


class SettingChosen(_Event):
    """Mode `auto`: the run goes on with another setting."""

    type: Literal["setting_chosen"] = "setting_chosen"
    step: int
    """Index of the step from which on, from 0."""
    lookahead: int
    """γ; 0: lookahead is off."""
    width: int = 1
    speculates: bool = False
    """Whether token proposals are made to the target: with lookahead off, that is SD, with it, LR+SD."""
    drafted: bool = False
    """Whether they are what the draft writes; where lookahead is off, it writes beside the target for nothing else."""
    predicted: float | None = None
    """Speed over plain decoding on the same server, as predicted; where plain decoding is chosen, of the best
    alternative. None where nothing was predicted."""
    reason: str

    @property
    def sentence(self) -> str:
        """What was chosen, for people; the page says the same (`chosenSentence` in outcome.js)."""
        names = [name for name, part in (("LR", self.lookahead), ("SD", self.speculates)) if part]
        scheme = ("+".join(names) or "AR") + (" (drafted)" if self.drafted else "")
        if self.lookahead:
            what = f"{scheme}, γ {self.lookahead}" + (f", W {self.width}" if self.width > 1 else "")
        else:
            what = f"{scheme}, lookahead off"
        predicted = f"predicted {self.predicted:.2f}×; " if self.predicted is not None else ""
        return f"auto: {what} since step {self.step + 1} ({predicted}{self.reason})"


class TokenSpeculation(BaseModel):
    """What token-level speculation came to, as the target's server counted it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    drafts: int
    """Passes of the target that had proposals to check."""
    proposed_tokens: int
    """Tokens proposed in them."""
    accepted_tokens: int
    """Of these, tokens that were what the target says."""

    @property
    def acceptance_rate(self) -> float | None:
        """Share of the proposed tokens that were accepted, 0 to 1."""
        return self.accepted_tokens / self.proposed_tokens if self.proposed_tokens else None

    @property
    def mean_accepted_length(self) -> float | None:
        """Tokens that a pass with proposals came to: those accepted, and the one the target says itself."""
        return 1 + self.accepted_tokens / self.drafts if self.drafts else None


class RunFinished(_Event):
    type: Literal["run_finished"] = "run_finished"
    status: RunStatus
    reason: str
    """Why it ended: `end_of_sequence`, `token_limit`, `final_answer`, `repeated_step`, `stopped`, or
    for a failed run the message for the user."""
    speculation: TokenSpeculation | None = None
    """Of the whole run; None where there was none, or the server does not tell."""


Event = Annotated[
    RunStarted
    | CycleStarted
    | PositionOpened
    | StepStarted
    | StepDelta
    | StepFinished
    | StepCancelled
    | VerdictStarted
    | Verdict
    | StepCommitted
    | DraftedAhead
    | RoleDegraded
    | RoleRecovered
    | SettingChosen
    | RunFinished,
    Field(discriminator="type"),
]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def to_json_line(event: Event) -> str:
    """One event as one line of JSON, without the line break."""
    return event.model_dump_json(exclude_none=True)


def from_json_line(line: str | bytes) -> Event:
    """The event of one line.

    Raises:
        TraceError: the line is no event of this schema version.
    """
    try:
        event = _ADAPTER.validate_json(line)
    except ValueError as error:
        version = _foreign_version(line)
        if version is not None:
            raise _unknown_version(version) from None
        raise TraceError(f"this line is not an event of schema version {SCHEMA_VERSION}: {error}") from None
    if isinstance(event, RunStarted) and event.schema_version != SCHEMA_VERSION:
        raise _unknown_version(event.schema_version)
    return event


class _Versioned(BaseModel):
    schema_version: int | str


def _foreign_version(line: str | bytes) -> int | str | None:
    try:
        version = _Versioned.model_validate_json(line).schema_version
    except ValueError:
        return None
    return None if version == SCHEMA_VERSION else version


def _unknown_version(version: int | str) -> UnknownVersion:
    return UnknownVersion(
        f"this trace has schema version {version}, this program reads version {SCHEMA_VERSION}: "
        "open it with the release that wrote it"
    )
