"""What one run is decoded with, and what a prompt may be."""

from enum import StrEnum
from typing import Self

from pydantic import Field, ValidationError, model_validator

from lr_demo.config.strict import Strict
from lr_demo.errors import ConfigError

MAX_PROMPT_CHARACTERS = 50_000
MAX_EXPECTED_CHARACTERS = 200


class Mode(StrEnum):
    """How a prompt is decoded."""

    AUTOREGRESSIVE = "autoregressive"
    SPECULATIVE = "speculative"
    LOOKAHEAD = "lookahead"
    LOOKAHEAD_SPECULATIVE = "lookahead+speculative"
    SPECREASON = "specreason"
    AUTO = "auto"
    """The one of AR, SD, LR and LR+SD that pays, as deep as it pays."""

    @property
    def drafts_steps(self) -> bool:
        return self in (Mode.LOOKAHEAD, Mode.LOOKAHEAD_SPECULATIVE, Mode.SPECREASON, Mode.AUTO)

    @property
    def compares_steps(self) -> bool:
        return self in (Mode.LOOKAHEAD, Mode.LOOKAHEAD_SPECULATIVE, Mode.AUTO)

    @property
    def speculates_tokens(self) -> bool:
        return self in (Mode.SPECULATIVE, Mode.LOOKAHEAD_SPECULATIVE)

    @property
    def may_speculate_tokens(self) -> bool:
        return self.speculates_tokens or self is Mode.AUTO


class Schedule(StrEnum):
    ASYNC = "async"
    SYNC = "sync"


class VerifierKind(StrEnum):
    EXACT = "exact"
    JUDGE = "judge"
    EMBEDDING = "embedding"
    CASCADE = "cascade"
    """The embedding where it is sure, else the judge."""
    RANDOM = "random"

    @property
    def asks_judge(self) -> bool:
        return self in (VerifierKind.JUDGE, VerifierKind.CASCADE)

    @property
    def embeds(self) -> bool:
        return self in (VerifierKind.EMBEDDING, VerifierKind.CASCADE)


class ScoreMethod(StrEnum):
    """How SpecReason reads the target's 0–9 score."""

    GREEDY = "greedy"
    """The likeliest digit."""
    EXPECTATION = "expectation"
    """The mean over the digits' probabilities."""


class Proposals(StrEnum):
    """Where token-level speculation takes its proposals from, on a target that takes drafted steps."""

    DRAFTED = "drafted"
    """What the draft wrote for the same place; n-grams where there is nothing."""
    NGRAM = "ngram"
    """n-grams alone."""


DEFAULT_THRESHOLD = {
    VerifierKind.JUDGE: 0.5,
    VerifierKind.EMBEDDING: 0.85,
    VerifierKind.CASCADE: 0.9,
    VerifierKind.RANDOM: 0.5,
}
"""Judge: least probability of 'same meaning'. Embedding: least cosine. Cascade: least cosine that accepts without
asking the judge. Random: the rate of accepts."""
DEFAULT_SCORE_THRESHOLD = 7.0
"""SpecReason: least score, 0 to 9 (arXiv 2504.07891)."""


class RunSettings(Strict):
    """What one run is decoded with."""

    mode: Mode = Mode.LOOKAHEAD
    lookahead: int = Field(default=3, ge=1, le=32)
    """γ: how many drafted steps may be ahead of the accepted text."""
    width: int = Field(default=1, ge=1, le=8)
    """W: drafted alternatives per position."""
    parallel_budget: int = Field(default=8, ge=1, le=256)
    """M: most sequences the target may decode at once."""
    schedule: Schedule = Schedule.ASYNC
    verifier: VerifierKind = VerifierKind.JUDGE
    threshold: float | None = None
    """None: the verifier's default (`DEFAULT_THRESHOLD` says what it means). SpecReason: 0 to 9; else 0 to 1."""
    proposals: Proposals = Proposals.DRAFTED
    """Modes with token-level speculation, on a server whose speculation is `drafted`."""
    score_method: ScoreMethod = ScoreMethod.EXPECTATION
    """SpecReason only."""
    first_target_steps: int = Field(default=0, ge=0, le=1000)
    """SpecReason only: so many first steps are the target's."""
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    """None: the setting each model's family recommends. 0 is greedy."""
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    max_tokens: int = Field(default=1024, ge=1, le=131_072)
    """Token limit of the answer."""
    step_cap: int = Field(default=256, ge=1, le=8192)
    """Most tokens of one step."""

    @model_validator(mode="after")
    def _threshold_in_range(self) -> Self:
        top = 9.0 if self.mode is Mode.SPECREASON else 1.0
        if self.threshold is not None and not 0.0 <= self.threshold <= top:
            scale = "SpecReason score, 0 to 9" if top == 9.0 else f"{self.verifier} verifier, 0 to 1"
            raise ValueError(f"threshold {self.threshold:g} is out of range: {scale}")
        return self

    @property
    def effective_threshold(self) -> float:
        """The threshold in force."""
        if self.threshold is not None:
            return self.threshold
        if self.mode is Mode.SPECREASON:
            return DEFAULT_SCORE_THRESHOLD
        return DEFAULT_THRESHOLD.get(self.verifier, 0.5)


def parse_settings(base: RunSettings, overrides: dict[str, object]) -> RunSettings:
    """`base` with the given settings replaced; a value None keeps the base's.

    Raises:
        ConfigError: a value is out of range or unknown; says which and what is allowed.
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    if "mode" in given or "verifier" in given:  # a threshold belongs to the scheme it was set for
        given.setdefault("threshold", None)
    try:
        return RunSettings.model_validate({**base.model_dump(), **given})
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            problems.append(f"{name} = {problem['input']!r}: {message}" if name else message)
        raise ConfigError("; ".join(problems)) from None


def check_prompt(prompt: str) -> str:
    """The prompt, stripped.

    Raises:
        ConfigError: it is empty, too long or not valid Unicode.
    """
    stripped = _checked_text(prompt, "prompt", MAX_PROMPT_CHARACTERS)
    if not stripped:
        raise ConfigError("the prompt is empty: type a problem to solve, or choose an example")
    return stripped


def check_expected(answer: str) -> str:
    """An expected answer, stripped; empty where none is given.

    Raises:
        ConfigError: it is too long or not valid Unicode.
    """
    return _checked_text(answer, "expected answer", MAX_EXPECTED_CHARACTERS)


def _checked_text(text: str, name: str, most: int) -> str:
    stripped = text.strip()
    if len(stripped) > most:
        raise ConfigError(f"the {name} has {len(stripped):,} characters, at most {most:,} are taken: shorten it")
    try:
        stripped.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"the {name} is not valid Unicode text: character {error.start + 1} is half of a pair; type it again"
        ) from None
    return stripped
