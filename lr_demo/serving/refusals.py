"""Why a planned server cannot run, in words that say what would help."""

from collections.abc import Mapping

from lr_demo.config import VllmServer
from lr_demo.serving.architecture import Architecture
from lr_demo.serving.launch_vllm import gpus_of
from lr_demo.serving.memory import GIB, Memory


def shape_refusals(config: VllmServer, model: Architecture, proposer: Architecture | None) -> tuple[str, ...]:
    """What vLLM would refuse because of the model's shape, or of the one that proposes tokens."""
    tensor, pipeline = config.tensor_parallel_size, config.pipeline_parallel_size
    refusals = []
    if reason := model.indivisible(tensor):
        possible = ", ".join(str(size) for size in range(1, 17) if model.indivisible(size) is None)
        refusals.append(f"tensor_parallel_size {tensor} {reason} ({config.model}): possible are {possible}")
    if pipeline > model.layers:
        refusals.append(f"pipeline_parallel_size {pipeline} is more than its {model.layers} layers")
    if model.context is not None and config.max_model_len > model.context and "--hf-overrides" not in config.extra_args:
        refusals.append(
            f"max_model_len {config.max_model_len:,} is more than the {model.context:,} tokens {config.model} was "
            f"made for: lower it to {model.context} or less"
        )
    if proposer is not None and config.speculation is not None:
        if reason := proposer.indivisible(tensor):
            refusals.append(f"tensor_parallel_size {tensor} {reason} (the model that proposes tokens)")
        if config.speculation.method == "draft_model" and proposer.vocabulary != model.vocabulary:
            refusals.append(
                f"the model that proposes tokens has a vocabulary of {proposer.vocabulary:,}, {config.model} one of "
                f"{model.vocabulary:,}: they must be the same for draft_model speculation"
            )
    return tuple(refusals)


def too_small(config: VllmServer, memory: Memory, total: int) -> str:
    """The refusal of a server whose KV cache has no room, and what would help."""
    cache = f"{memory.cache_needed / GIB:.1f} GiB of KV cache for {memory.tokens_needed:,} tokens"
    if not gpus_of(config):
        return (
            f"it does not fit: {cache} are needed, and kv_cache_gib gives {memory.cache_given / GIB:.1f}; raise "
            "kv_cache_gib, or lower max_model_len, max_num_seqs or defaults.parallel_budget"
        )
    needed = memory.weights + memory.allowance + memory.cache_needed
    least = needed / total
    share = (
        f"raise gpu_memory_utilization to {least + 0.005:.2f} or more"
        if least <= 0.95
        else "spread it over more GPUs (gpus, tensor_parallel_size)"
    )
    return (
        f"it does not fit: {needed / GIB:.1f} GiB are needed on each GPU ({memory.weights / GIB:.1f} GiB of weights, "
        f"{cache}, {memory.allowance / GIB:.1f} GiB for the rest), and gpu_memory_utilization "
        f"{config.gpu_memory_utilization:g} of {total / GIB:.1f} GiB gives {memory.room / GIB:.1f}; {share}, or lower "
        "max_model_len, max_num_seqs or defaults.parallel_budget"
    )


def main_memory_refusals(needs: Mapping[str, int], available: int) -> tuple[str, ...]:
    """The refusal of servers on the processor that need more bytes together than the machine has."""
    if sum(needs.values()) <= available:
        return ()
    each = " + ".join(f"{name} {need / GIB:.1f}" for name, need in needs.items())
    return (
        f"the servers on the processor do not fit: {each} = {sum(needs.values()) / GIB:.1f} GiB are needed, the "
        f"machine has {available / GIB:.1f}; use smaller models, or lower kv_cache_gib",
    )
