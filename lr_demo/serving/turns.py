"""Which servers load side by side, and which one after another because they would be in each other's way."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from lr_demo.config import LlamaCppServer, VllmServer
from lr_demo.serving.catalogue import CatalogueEntry
from lr_demo.serving.launch_vllm import element_bytes
from lr_demo.serving.models import HubModel, LocalModel, ModelSource

MEMORY = "memory"
_KV_BYTES_PER_TOKEN = 64 * 1024
"""llama.cpp: more than a model of up to 3 billion parameters keeps of a token."""
_WHILE_LOADING = 1.2
"""Share of the weights' size that loading takes: the file as it is read, and buffers."""
_FOUR_TO_SIXTEEN_BITS = 4
_BYTES_AS_PUBLISHED = 2
"""Of a number in the files of a model that is not quantized."""


def shared_while_loading(
    servers: Mapping[str, VllmServer | LlamaCppServer], needs: Mapping[str, int | None], free: int, on_gpu: bool
) -> dict[str, frozenset[str]]:
    """Server to what it needs for itself while it loads; servers that have one of them in common take turns.

    vLLM on a GPU measures the free memory there when it starts, and takes its share: another server that
    allocates at the same moment makes it fail, or come out too small. On the CPU servers take turns where
    they need more memory together than is free. `needs` (None: unknown) and `free` are bytes; `on_gpu`
    says whether the vLLM that is installed is the one for GPUs.
    """
    shared: dict[str, frozenset[str]] = {}
    in_memory = []
    for name, server in servers.items():
        if isinstance(server, VllmServer) and on_gpu:
            shared[name] = frozenset(f"GPU {gpu}" for gpu in server.gpus or range(server.devices))
        else:
            in_memory.append(name)
    known = [needs[name] for name in in_memory]
    crowded = any(need is None for need in known) or sum(need or 0 for need in known) > free
    return shared | dict.fromkeys(in_memory, frozenset({MEMORY} if crowded else ()))


def memory_need(config: VllmServer | LlamaCppServer, source: ModelSource) -> int | None:
    """Bytes a server takes on the CPU, roughly; None where its weights are not here yet."""
    match source:
        case CatalogueEntry():
            size, gguf = source.size, True
        case LocalModel(path):
            size, gguf = _size(path), path.is_file()
        case HubModel():
            return None
    if isinstance(config, LlamaCppServer):
        return int(size * _WHILE_LOADING) + config.context * config.slots * _KV_BYTES_PER_TOKEN
    if gguf:
        size *= _FOUR_TO_SIXTEEN_BITS
    size *= element_bytes(config) // _BYTES_AS_PUBLISHED
    return int(size * _WHILE_LOADING + config.kv_cache_gib * 2**30)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.glob("*.safetensors")
    return sum(file.stat().st_size for file in files)


class Turns:
    """Gives servers their turn to load."""

    def __init__(self, shared: Mapping[str, frozenset[str]]) -> None:
        self._shared = shared
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def of(self, server: str, waits: Callable[[str], None]) -> AsyncIterator[None]:
        """Everything that `server` needs for itself; first come, first served. `waits` hears for what it waits."""
        async with AsyncExitStack() as turn:
            for thing in sorted(self._shared[server]):
                if self._locks[thing].locked():
                    waits(thing)
                await turn.enter_async_context(self._locks[thing])
            yield
