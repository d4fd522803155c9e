"""Profiles: YAML files under `configs/` that say which servers there are, which role each plays, and a run's defaults.

A mistake in one is reported with file, line and key.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator

from lr_demo.config.servers import EndpointServer, LlamaCppServer, ServerConfig, SimulatedServer, VllmServer
from lr_demo.config.settings import Mode, Proposals, RunSettings
from lr_demo.config.simulation import Simulation, Text
from lr_demo.config.speculation import DraftedSpeculation, Drafting
from lr_demo.config.strict import Strict
from lr_demo.errors import ConfigError

PROFILES_FOLDER = Path(__file__).resolve().parents[2] / "configs"
_ROUNDING = 1e-9

DEFAULT_SYSTEM_PROMPT = "Please reason step by step, and put your final answer within \\boxed{}."
"""What Qwen recommends for mathematics; its models then set their steps apart with blank lines."""


class RoleMap(Strict):
    """Role to name of the server that plays it."""

    target: str
    draft: str | None = None
    judge: str | None = None
    speculative_target: str | None = None
    """A target with token-level speculation switched on."""


class Profile(Strict):
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

    @model_validator(mode="wrap")
    @classmethod
    def _costs_set_the_pace(cls, given: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        profile = handler(given)
        if profile.simulation.costs is not None:
            return profile._priced(profile.simulation)
        for name, server in profile.servers.items():
            if isinstance(server, SimulatedServer) and server.ms_per_token is None:
                raise ValueError(
                    f"server {name!r} does not say its ms_per_token, and there are no simulation.costs that would"
                )
        return profile

    @model_validator(mode="after")
    def _roles_have_servers(self) -> Self:
        for role, server in self.roles.model_dump(exclude_none=True).items():
            if server not in self.servers:
                known = ", ".join(self.servers) or "none"
                raise ValueError(f"role {role} names server {server!r}, which is not under servers (there: {known})")
            if role == "speculative_target" and getattr(self.servers[server], "speculation", True) is None:
                raise ValueError(f"role {role} names server {server!r}, which has no speculation")
        return self

    @model_validator(mode="after")
    def _drafts_that_are_asked_speak_llama_cpp(self) -> Self:
        draft = self.servers.get(self.roles.draft or "")
        speaks = isinstance(draft, LlamaCppServer | SimulatedServer) or (
            isinstance(draft, EndpointServer) and draft.dialect == "llama.cpp"
        )
        if self.drafts_between and not speaks:
            raise ValueError(
                f"server {self.roles.speculative_target or self.roles.target} has drafting: between, which needs a "
                f"draft on llama.cpp, and {self.roles.draft} is on another engine: say drafting: beside, or change that"
            )
        return self

    @model_validator(mode="after")
    def _gpus_have_room(self) -> Self:
        shares: dict[int, dict[str, float]] = {}
        for name, server in self.servers.items():
            if isinstance(server, VllmServer):
                for gpu in server.gpus:
                    shares.setdefault(gpu, {})[name] = server.gpu_memory_utilization
        for gpu, taken in shares.items():
            if sum(taken.values()) > 1.0 + _ROUNDING:
                each = " + ".join(f"{name} {share:g}" for name, share in taken.items())
                raise ValueError(
                    f"GPU {gpu} is given away more than once: {each} = {sum(taken.values()):g}; lower their "
                    "gpu_memory_utilization until they add up to 1 at most, or place them on different gpus"
                )
        return self

    @property
    def simulated(self) -> bool:
        return any(isinstance(server, SimulatedServer) for server in self.servers.values())

    @property
    def takes_drafted_steps(self) -> bool:
        """Whether the target of the modes with token-level speculation takes a draft's text as token proposals."""
        return self.roles.draft is not None and self._drafted is not None

    @property
    def proposes_either(self) -> bool:
        """Whether that target can do with n-grams alone, too."""
        return self.takes_drafted_steps and self._drafted is not None and self._drafted.ngram_tokens > 0

    @property
    def drafts_between(self) -> bool:
        """Whether that target's server asks the draft between two passes."""
        return self.takes_drafted_steps and self._drafted is not None and self._drafted.drafting is Drafting.BETWEEN

    @property
    def _drafted(self) -> DraftedSpeculation | None:
        server = self.servers[self.roles.speculative_target or self.roles.target]
        speculation = None if isinstance(server, EndpointServer) else server.speculation
        return speculation if isinstance(speculation, DraftedSpeculation) else None

    @property
    def replays(self) -> bool:
        """Whether its simulated models say what real ones said in recorded runs."""
        return self.simulation.text is Text.RECORDED

    def with_costs(self, figures: Mapping[str, float], defaults: RunSettings) -> Self:
        """This profile with other simulated costs and another form.

        Raises:
            ConfigError: it has no costs, or a figure is unknown or out of range; says which and what is allowed.
        """
        if self.simulation.costs is None:
            raise ConfigError(f"profile {self.name} has no simulated costs: choose one that has, as h100-simulated")
        costs = self.simulation.costs.with_figures(figures)
        simulation = self.simulation.model_copy(update={"costs": costs})
        return self._priced(simulation).model_copy(update={"defaults": defaults})

    def _priced(self, simulation: Simulation) -> Self:
        """With the servers and the invented steps as a simulation's costs have them."""
        costs = simulation.costs
        assert costs is not None
        paced = {
            name: costs.paced(server, drafts=name == self.roles.draft)
            for name, server in self.servers.items()
            if isinstance(server, SimulatedServer)
        }
        return self.model_copy(update={"servers": {**self.servers, **paced}, "simulation": simulation.priced})

    def missing_for(self, settings: RunSettings) -> list[str]:
        """What this profile lacks for these settings, in words; empty when they can run."""
        missing = []
        if settings.mode.drafts_steps and self.roles.draft is None:
            missing.append("a draft server (roles.draft)")
        if settings.mode.speculates_tokens and self.roles.speculative_target is None:
            missing.append("a target server with token-level speculation (roles.speculative_target)")
        ngrams = settings.mode.speculates_tokens and settings.proposals is Proposals.NGRAM
        if ngrams and self.takes_drafted_steps and not self.proposes_either:
            missing.append("n-gram proposals (ngram_tokens of its speculative target is 0)")
        if self.replays:
            if settings.mode is Mode.SPECREASON:
                missing.append("scores of the target (none were recorded)")
            if settings.mode.compares_steps and settings.verifier.embeds:
                missing.append("an embedding model (the verdicts were recorded with a judge)")
        if settings.mode.compares_steps and not self.simulated:
            if settings.verifier.asks_judge and self.roles.judge is None:
                missing.append("a judge server (roles.judge)")
            if settings.verifier.embeds and self.embedder is None:
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
            keys, line = _locate(root, problem["loc"], missing=problem["type"] == "missing")
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{file}, line {line}, key {'.'.join(keys) or '(top level)'}: {message}")
        raise ConfigError("\n".join(lines)) from None


def _locate(root: yaml.Node | None, loc: tuple[int | str, ...], missing: bool) -> tuple[list[str], int]:
    """The keys of a validation error and the line (from 1) of the deepest one that is in the file.

    A union puts the tag or type of its member into `loc`; a part that is no key of the file is left out,
    except the last one of a key that is missing.
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
        elif missing and index == len(loc) - 1:
            keys.append(str(part))
    return keys, line
