"""What a model server needs in memory, and what it is given: weights, KV cache, and an allowance for the rest."""

from dataclasses import dataclass
from math import ceil

from lr_demo.config import LlamaCppServer, RunSettings, VllmServer
from lr_demo.serving.architecture import Architecture
from lr_demo.serving.launch_vllm import element_bytes, gpus_of

GIB = 2**30
GPU_ALLOWANCE = int(2.5 * GIB)
"""Assumed for a GPU: CUDA's and NCCL's own memory, CUDA graphs, the sampler. Activations come on top."""
CPU_ALLOWANCE = int(1.5 * GIB)
"""Assumed for vLLM on a processor: Python, torch and its buffers."""
LLAMA_CPP_ALLOWANCE = GIB // 4
"""Assumed for llama.cpp: its compute buffers."""
_BATCHES = ((160 * GIB, 16384), (70 * GIB, 8192), (0, 2048))
"""Most tokens that vLLM's server works on at once, by the GPU's memory: its own defaults."""
_CPU_BATCH = 2048
_LLAMA_CPP_ELEMENT = 2
"""Bytes of a number in llama.cpp's KV cache."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on a server's fullest GPU, or in the machine's memory."""

    weights: int
    allowance: int
    token: int
    """A token in the KV cache."""
    tokens_needed: int
    cache_given: int
    """What is left for, or was given to, the KV cache; below 0: not even the rest has room."""
    room: int
    """What the server may take in all."""

    @property
    def cache_needed(self) -> int:
        return self.tokens_needed * self.token

    @property
    def needed(self) -> int:
        return self.weights + self.cache_needed + self.allowance

    @property
    def tokens_given(self) -> int:
        """Tokens that the KV cache holds."""
        return max(0, self.cache_given // self.token)

    @property
    def fits(self) -> bool:
        return self.cache_needed <= self.cache_given


def vllm_memory(
    config: VllmServer, model: Architecture, proposer: Architecture | None, settings: RunSettings, total: int
) -> Memory:
    """A vLLM server on GPUs of `total` bytes each, or in a machine's memory of `total` bytes."""
    element, tensor, pipeline = element_bytes(config), config.tensor_parallel_size, config.pipeline_parallel_size
    weights, token = model.weight_bytes(element, tensor, pipeline), model.cache_bytes(element, tensor, pipeline)
    if proposer is not None:  # whole on every stage of a pipeline
        weights += proposer.weight_bytes(element, tensor)
        token += proposer.cache_bytes(element, tensor)
    needed = tokens_needed(config, settings)
    if not gpus_of(config):
        weights += model.ends_bytes(element, tensor, pipeline)  # packed for the kernels, and kept as well
        given = int(config.kv_cache_gib * GIB)
        allowance = CPU_ALLOWANCE + model.activation_bytes(_CPU_BATCH, element, tensor)
        return Memory(weights, allowance, token, needed, given, weights + given + allowance)
    batch = next(tokens for least, tokens in _BATCHES if total >= least)
    allowance = GPU_ALLOWANCE + model.activation_bytes(batch, element, tensor)
    room = int(total * config.gpu_memory_utilization)
    return Memory(weights, allowance, token, needed, room - weights - allowance, room)


def llama_cpp_memory(config: LlamaCppServer, model: Architecture, proposer: Architecture | None, files: int) -> Memory:
    """A llama.cpp server whose model files have so many bytes together; it takes what it needs."""
    token = sum(shape.cache_bytes(_LLAMA_CPP_ELEMENT) for shape in (model, proposer) if shape is not None)
    tokens = config.context * config.slots
    room = files + token * tokens + LLAMA_CPP_ALLOWANCE
    return Memory(files, LLAMA_CPP_ALLOWANCE, token, tokens, token * tokens, room)


def tokens_needed(config: VllmServer, settings: RunSettings) -> int:
    """Tokens the KV cache of a replica must hold: the longest context, and what parallel requests add.

    Requests of a run begin alike. With prefix caching each further one adds its own step and the
    drafted step before it, else its whole context.
    """
    at_once = ceil(min(settings.parallel_budget, config.max_num_seqs) / config.data_parallel_size)
    own = 2 * settings.step_cap if config.prefix_caching else config.max_model_len
    return config.max_model_len + (at_once - 1) * min(own, config.max_model_len)
