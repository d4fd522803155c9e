"""What a profile would start on given hardware: each server's command, its place, its memory, and whether it fits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lr_demo.config import (
    EndpointServer,
    LlamaCppServer,
    Profile,
    ServerConfig,
    SimulatedServer,
    SuffixSpeculation,
    VllmServer,
)
from lr_demo.errors import WeightsError
from lr_demo.serving.architecture import Architecture
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CatalogueEntry
from lr_demo.serving.errors import UnknownArchitecture
from lr_demo.serving.launch import launch_llama_cpp
from lr_demo.serving.launch_vllm import gpus_of, launch_vllm
from lr_demo.serving.memory import GIB, Memory, llama_cpp_memory, vllm_memory
from lr_demo.serving.models import (
    HubModel,
    LocalModel,
    ModelSource,
    find_model,
    planned_model,
    planned_proposer,
    proposer_file,
    proposer_of,
)
from lr_demo.serving.placement import GpuSupply, misplaced
from lr_demo.serving.processes import Command
from lr_demo.serving.refusals import main_memory_refusals, shape_refusals, too_small
from lr_demo.serving.vllm_options import OptionChecker

FIRST_PORT = 8101
"""Ports in a plan; at the start vLLM gets free ones."""
_PYTHON_WORDS = 4
"""Words of a command before the engine's own: interpreter, -u, -m, module."""

Architectures = Callable[[ModelSource], Architecture]
"""What a model looks like; raises `UnknownArchitecture`."""


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """One server."""

    name: str
    roles: tuple[str, ...]
    engine: str
    model: str
    place: str
    """Where it runs, for people."""
    gpus: tuple[int, ...] = ()
    share: float | None = None
    """Of the memory of each of its GPUs."""
    command: Command | None = None
    """None: nothing is started."""
    memory: Memory | None = None
    """None: not known, or it takes none here."""
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    """Why it cannot run so; empty when it can."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole profile."""

    profile: str
    gpus: str
    """The GPUs it was planned for, for people."""
    servers: tuple[ServerPlan, ...]
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    """Why the servers cannot run together; empty when they can."""

    @property
    def every_refusal(self) -> list[tuple[str, str]]:
        """Whom it is about and what it says."""
        of_servers = [(server.name, refusal) for server in self.servers for refusal in server.refusals]
        return [*of_servers, *((self.profile, refusal) for refusal in self.refusals)]

    @property
    def fits(self) -> bool:
        return not self.every_refusal


def make_plan(
    profile: Profile,
    gpus: GpuSupply,
    machine_memory: int,
    cache: Cache,
    architectures: Architectures,
    check_options: OptionChecker,
) -> Plan:
    """Plan a profile for these GPUs and so many bytes of main memory; starts nothing."""
    planner = _Planner(profile, gpus, machine_memory, cache, architectures)
    servers = [planner.server(name, config, index) for index, (name, config) in enumerate(profile.servers.items())]
    servers, unchecked = _with_option_check(servers, check_options)
    notes = [] if unchecked is None else [f"vLLM's options were not checked: {unchecked}"]
    on_processor = {s.name: s.memory.room for s in servers if s.memory is not None and not s.gpus}
    at_once = {name: need for name, need in on_processor.items() if not _on_demand(profile.servers[name])}
    refusals = main_memory_refusals(at_once, machine_memory)
    if not refusals and (later := main_memory_refusals(on_processor, machine_memory)):
        notes.append(f"with those that start on demand, {later[0]}")
    return Plan(profile.name, gpus.origin, tuple(servers), tuple(notes), refusals)


class _Planner:
    """Plans one server after the other."""

    def __init__(
        self, profile: Profile, gpus: GpuSupply, machine_memory: int, cache: Cache, architectures: Architectures
    ) -> None:
        self._profile, self._gpus, self._machine_memory = profile, gpus, machine_memory
        self._cache, self._architectures = cache, architectures
        self._misplaced = misplaced(profile, len(gpus.memory))

    def server(self, name: str, config: ServerConfig, index: int) -> ServerPlan:
        """One server, the `index`-th of its profile."""
        roles = tuple(role for role, player in self._profile.roles.model_dump().items() if player == name)
        plan = ServerPlan(name, roles, config.engine, config.model, "")
        match config:
            case SimulatedServer():
                return replace(plan, place="simulated: no model is loaded")
            case EndpointServer():
                key = f", key from ${config.api_key_env}" if config.api_key_env else ""
                return replace(plan, place=f"runs already at {' and '.join(config.addresses)}{key}")
            case VllmServer() | LlamaCppServer():
                return self._local(plan, config, FIRST_PORT + index)

    def _local(self, plan: ServerPlan, config: VllmServer | LlamaCppServer, port: int) -> ServerPlan:
        if isinstance(config, VllmServer) and (gpus := gpus_of(config)):
            place = f"GPU {', '.join(map(str, gpus))}"
            plan = replace(plan, place=place, gpus=gpus, share=config.gpu_memory_utilization)
        else:
            plan = replace(plan, place=_on_processor(config))
        try:
            source = find_model(config)
            proposer = proposer_of(config)
            model, config = planned_model(config, source, self._cache), planned_proposer(config, self._cache)
            proposer_source = find_model(proposer) if proposer is not None else None
        except WeightsError as error:
            return replace(plan, refusals=(str(error),))
        plan = replace(plan, command=self._command(config, model, port))
        if plan.name in self._misplaced:
            return replace(plan, refusals=(self._misplaced[plan.name],))
        try:
            shape = self._architectures(source)
        except UnknownArchitecture as error:
            return replace(plan, notes=(f"its memory was not checked: {error}", *_notes(config)))
        return self._with_memory(plan, config, source, shape, proposer_source)

    def _command(self, config: VllmServer | LlamaCppServer, model: str, port: int) -> Command:
        if isinstance(config, LlamaCppServer):
            return launch_llama_cpp(config, config.model, Path(model), 0, proposer_file(config)).command
        return launch_vllm(config, config.model, model, port, self._cache.root / "compiled").command

    def _with_memory(
        self,
        plan: ServerPlan,
        config: VllmServer | LlamaCppServer,
        source: ModelSource,
        model: Architecture,
        proposer_source: ModelSource | None,
    ) -> ServerPlan:
        notes, proposer = list(_notes(config)), None
        if proposer_source is not None:
            try:
                proposer = self._architectures(proposer_source)
            except UnknownArchitecture as error:
                notes.append(f"the memory of the model that proposes tokens was not counted: {error}")
        plan = replace(plan, notes=(*notes, *self._taken(plan.gpus, plan.share or 0)))
        if isinstance(config, LlamaCppServer):
            files = sum(_file_size(each) for each in (source, proposer_source) if each is not None)
            return replace(plan, memory=llama_cpp_memory(config, model, proposer, files))
        if refusals := shape_refusals(config, model, proposer):
            return replace(plan, refusals=refusals)
        total = min((self._gpus.memory[gpu] for gpu in plan.gpus), default=self._machine_memory)
        memory = vllm_memory(config, model, proposer, self._profile.defaults, total)
        return replace(plan, memory=memory, refusals=() if memory.fits else (too_small(config, memory, total),))

    def _taken(self, gpus: tuple[int, ...], share: float) -> list[str]:
        """What to say of GPUs of which other programs hold too much now."""
        taken = []
        for gpu, free in [(gpu, self._gpus.free[gpu]) for gpu in gpus if self._gpus.free]:
            if free < (wanted := share * self._gpus.memory[gpu]):
                taken.append(
                    f"{free / GIB:.1f} GiB of GPU {gpu} are free now, and vLLM does not start with less than its "
                    f"share of {wanted / GIB:.1f}: end what holds the rest"
                )
        return taken


def _on_demand(config: ServerConfig) -> bool:
    return isinstance(config, VllmServer | LlamaCppServer) and config.on_demand


def _on_processor(config: VllmServer | LlamaCppServer) -> str:
    if isinstance(config, LlamaCppServer):
        return f"processor, {config.threads} thread{'s' if config.threads > 1 else ''}"
    return f"processor, cores {config.cores}" if config.cores else "processor, every core"


def _notes(config: VllmServer | LlamaCppServer) -> tuple[str, ...]:
    notes = []
    if config.on_demand:
        notes.append("it is started when a run first needs it")
    if isinstance(config, VllmServer) and config.extra_args:
        notes.append(f"what {' '.join(config.extra_args)} changes in memory is not counted")
    if isinstance(config.speculation, SuffixSpeculation):
        notes.append("suffix speculation needs the package arctic-inference beside vLLM (0.1.1 for vLLM 0.32)")
    return tuple(notes)


def _file_size(source: ModelSource) -> int:
    """Bytes of the file of a GGUF model."""
    match source:
        case CatalogueEntry():
            return source.size
        case LocalModel():
            return source.path.stat().st_size
        case HubModel():
            raise AssertionError("llama.cpp reads files alone")


def _with_option_check(servers: list[ServerPlan], check_options: OptionChecker) -> tuple[list[ServerPlan], str | None]:
    """The servers with what vLLM says of their options, and why it could not be asked."""
    lines = {s.name: s.command.argv[_PYTHON_WORDS:] for s in servers if s.engine == "vllm" and s.command is not None}
    check = check_options(list(lines.values()))
    mistakes = dict(zip(lines, check.mistakes, strict=True))
    checked = []
    for server in servers:
        if mistake := mistakes.get(server.name):
            server = replace(server, refusals=(*server.refusals, f"vLLM refuses its options: {mistake}"))
        checked.append(server)
    return checked, check.unchecked
