"""Says what this machine has and lacks: hardware, engines, weights, profiles."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lr_demo.config import EndpointServer, LlamaCppServer, Profile, VllmServer, load_profile, profile_names
from lr_demo.errors import LookaheadError
from lr_demo.runs.traces import home
from lr_demo.serving.cache import Cache, gigabytes
from lr_demo.serving.catalogue import CatalogueEntry
from lr_demo.serving.hardware import (
    Engine,
    Hardware,
    ModelInCache,
    choose_profile,
    free_disk,
    inspect_engines,
    inspect_hardware,
    inspect_models,
)
from lr_demo.serving.models import find_model, proposer_of
from lr_demo.serving.placement import vllm_servers
from lr_demo.terminal import plain

_GOOD, _BAD, _OPEN = ("✓", "green"), ("✗", "red"), ("·", "yellow")
Mark = tuple[str, str]
"""A sign and its style."""


def examine(console: Console) -> None:
    """Print the findings."""
    hardware, engines, cache = inspect_hardware(), inspect_engines(), Cache.default()
    models = inspect_models(cache)
    _section(console, "Hardware", _hardware(hardware, cache))
    _section(console, "Engines", [_engine(engine) for engine in engines])
    _section(console, "Weights", [_model(model) for model in models])
    _section(console, "Profiles", [_profile(name, engines, models, hardware) for name in profile_names()])
    chosen, why = choose_profile(hardware, engines)
    console.print()
    console.print(plain(f"Profile used when none is named: {chosen} ({why})"), soft_wrap=True)


def _section(console: Console, title: str, rows: list[tuple[Mark, str, str]]) -> None:
    table = Table(show_header=False, box=None, padding=(0, 1), pad_edge=True)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for (sign, style), name, text in rows:
        table.add_row(Text(sign, style=style), plain(name), plain(text))
    console.print(Text(title, style="bold"))
    console.print(table)


def _hardware(hardware: Hardware, cache: Cache) -> list[tuple[Mark, str, str]]:
    features = f" ({', '.join(hardware.features)})" if hardware.features else ""
    memory = f"{gigabytes(hardware.memory)}, {gigabytes(hardware.memory_available)} of it available"
    rows = [
        (_GOOD, "processor", f"{hardware.processor}, {hardware.cores} cores{features}"),
        (_GOOD, "memory", memory),
        (_GOOD, "disk", f"{gigabytes(free_disk(cache.root))} free for weights in {cache.root}"),
        (_GOOD, "traces", str(home() / "traces")),
    ]
    rows += [
        (_GOOD, "GPU", f"{gpu.name}, {gigabytes(gpu.memory)}, {gigabytes(gpu.free)} of it free")
        for gpu in hardware.gpus
    ]
    if not hardware.gpus:
        rows.append((_OPEN, "GPU", "none found: models run on the processor"))
    return rows


def _engine(engine: Engine) -> tuple[Mark, str, str]:
    if engine.version is None:
        return _BAD, engine.name, f"missing: run `make setup` ({engine.purpose})"
    return _GOOD, engine.name, f"{engine.version} ({engine.purpose})"


def _model(model: ModelInCache) -> tuple[Mark, str, str]:
    entry = model.entry
    about = f"{entry.title}, {entry.licence}"
    if not model.present:
        return _OPEN, entry.name, f"{about}; missing, {gigabytes(entry.size)} are fetched when a profile needs it"
    return _GOOD, entry.name, f"{about}; there and verified{', converted for vLLM' if model.converted else ''}"


def _profile(
    name: str, engines: tuple[Engine, ...], models: tuple[ModelInCache, ...], hardware: Hardware
) -> tuple[Mark, str, str]:
    try:
        profile = load_profile(name)
        gpus = {gpu for server in vllm_servers(profile).values() for gpu in server.gpus}
        missing = _missing(profile, engines, on_gpus=bool(gpus))
        fetched = _to_fetch(profile, models)
    except LookaheadError as error:
        return _BAD, name, str(error)
    if len(hardware.gpus) <= max(gpus, default=-1):
        there = f"it wants GPUs 0 to {max(gpus)}" if max(gpus) else "it wants a GPU"
        return (
            _OPEN,
            name,
            f"not for this machine: {there}, here are {len(hardware.gpus) or 'none'}. {profile.description}",
        )
    if missing:
        return _BAD, name, f"cannot run: {', '.join(missing)}. {profile.description}"
    if fetched:
        return _OPEN, name, f"fetches {', '.join(fetched)} first. {profile.description}"
    if elsewhere := [config.model for config in profile.servers.values() if isinstance(config, EndpointServer)]:
        return _OPEN, name, f"needs running servers of {', '.join(dict.fromkeys(elsewhere))}. {profile.description}"
    return _GOOD, name, profile.description


def _missing(profile: Profile, engines: tuple[Engine, ...], on_gpus: bool) -> list[str]:
    """Engines that the profile needs and that are not installed, in words."""
    needed: set[str] = {server.engine for server in profile.servers.values()}
    if profile.embedder is not None:
        needed.add("torch")
    missing = [f"{engine.name} missing" for engine in engines if engine.name in needed and not engine.installed]
    if on_gpus and any(engine.name == "vllm" and engine.installed and not engine.on_gpus for engine in engines):
        missing.append("vLLM is built for the processor, run `make setup HARDWARE=gpu`")
    return missing


def _to_fetch(profile: Profile, models: tuple[ModelInCache, ...]) -> list[str]:
    """Models of the catalogue that the profile needs and that are not there yet.

    Raises:
        LookaheadError: a model file or name of the profile does not exist.
    """
    wanted = {profile.embedder} if profile.embedder is not None else set()
    for server in profile.servers.values():
        if isinstance(server, VllmServer | LlamaCppServer):
            sources = [find_model(model) for model in (server, proposer_of(server)) if model is not None]
            wanted |= {source.name for source in sources if isinstance(source, CatalogueEntry)}
    return [model.entry.name for model in models if model.entry.name in wanted and not model.present]
