"""Which GPUs there are for a profile, and whether its servers can be placed on them."""

from dataclasses import dataclass

from lr_demo.config import Profile, VllmServer
from lr_demo.errors import ConfigError, ServingError
from lr_demo.serving.hardware import Gpu, Hardware, inspect_hardware, vllm_runs_on_gpu
from lr_demo.serving.launch_vllm import gpus_of

GIB = 2**30
H100_GIB = 79.6
"""Memory of an H100 of 80 GB as the driver tells it."""


@dataclass(frozen=True, slots=True)
class GpuSupply:
    """GPUs to place servers on."""

    memory: tuple[int, ...]
    """Bytes of each, in the driver's order."""
    origin: str
    """Where this is known from, for people."""
    free: tuple[int, ...] = ()
    """Bytes of each that no program uses now; empty where that cannot be known."""


def gpu_supply(profile: Profile, hardware: Hardware, count: int | None, gib: float | None) -> GpuSupply:
    """The GPUs a profile is planned for: stated ones, else those of this machine, else H100s as many as it names."""
    named = max((gpu for server in vllm_servers(profile).values() for gpu in gpus_of(server)), default=-1) + 1
    found = tuple(gpu.memory for gpu in hardware.gpus)
    if count is not None or gib is not None:
        memory = int(gib * GIB) if gib is not None else min(found, default=int(H100_GIB * GIB))
        count = count if count is not None else len(found) or named
        return GpuSupply((memory,) * count, f"{count} × {memory / GIB:.1f} GiB, as stated")
    if found:
        free = tuple(gpu.free for gpu in hardware.gpus)
        return GpuSupply(found, f"{describe(hardware.gpus)}, found here", free)
    if named == 0:
        return GpuSupply((), "none, and none is needed")
    return GpuSupply(
        (int(H100_GIB * GIB),) * named,
        f"{named} × H100 of {H100_GIB} GiB, assumed: this machine has no GPU; state others with --gpus and "
        "--gpu-memory-gib",
    )


def describe(gpus: tuple[Gpu, ...]) -> str:
    """GPUs in a few words, equal ones together."""
    kinds = [f"{gpu.name} ({gpu.memory / GIB:.1f} GiB)" for gpu in gpus]
    return ", ".join(f"{kinds.count(kind)} × {kind}" for kind in dict.fromkeys(kinds))


def vllm_servers(profile: Profile) -> dict[str, VllmServer]:
    """The vLLM servers of a profile by name."""
    return {name: server for name, server in profile.servers.items() if isinstance(server, VllmServer)}


def misplaced(profile: Profile, gpus: int) -> dict[str, str]:
    """Why servers cannot be placed on so many GPUs, by server; empty when all can."""
    reasons: dict[str, str] = {}
    taken: dict[int, float] = {}
    for name, server in vllm_servers(profile).items():
        if missing := [gpu for gpu in gpus_of(server) if gpu >= gpus]:
            there = f"there are {gpus}, numbered 0 to {gpus - 1}" if gpus > 1 else f"there is {gpus or 'none'}"
            reasons[name] = f"it wants GPU {', '.join(map(str, missing))}, and {there}: change gpus in the profile"
        for gpu in gpus_of(server):
            taken[gpu] = taken.get(gpu, 0.0) + server.gpu_memory_utilization
            if taken[gpu] > 1.0 + 1e-9 and not server.gpus:
                reasons[name] = f"it names no gpus, and GPU {gpu}, which vLLM would take, is given to another server"
    return reasons


def check_placement(profile: Profile) -> None:
    """Whether the servers of a profile can start on this machine's GPUs; milliseconds.

    Raises:
        ServingError: a GPU is not there, or the vLLM that is installed is the build for the CPU.
    """
    on_gpus = [name for name, server in vllm_servers(profile).items() if gpus_of(server)]
    if not on_gpus:
        return
    if reasons := misplaced(profile, len(inspect_hardware().gpus)):
        each = "; ".join(f"server {name}: {reason}" for name, reason in reasons.items())
        raise ServingError(f"profile {profile.name} does not suit this machine: {each}")
    if not vllm_runs_on_gpu():
        raise ServingError(
            f"profile {profile.name} places {', '.join(on_gpus)} on GPUs, and the vLLM that is installed cannot use "
            "any: run `make setup HARDWARE=gpu`"
        )


def check_stated(count: int | None, gib: float | None) -> None:
    """Whether stated hardware makes sense.

    Raises:
        ConfigError: a number is out of range.
    """
    if count is not None and not 1 <= count <= 1024:
        raise ConfigError(f"--gpus {count} is out of range: 1 to 1024")
    if gib is not None and not 1 <= gib <= 4096:
        raise ConfigError(f"--gpu-memory-gib {gib:g} is out of range: 1 to 4096")
