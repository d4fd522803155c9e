"""A sound profile for GPUs, and its plan without a hub and without asking vLLM."""

from collections.abc import Sequence
from pathlib import Path

from lr_demo.config import Profile
from lr_demo.serving.cache import Cache
from lr_demo.serving.config_json import Architectures
from lr_demo.serving.placement import GIB, H100_GIB, GpuSupply
from lr_demo.serving.plan import Plan, make_plan
from lr_demo.serving.vllm_options import OptionCheck

GOOD = """\
name: good
description: two cards for the target, one for the draft
servers:
  target:
    engine: vllm
    model: Qwen/Qwen3-32B
    gpus: [0, 1]
    tensor_parallel_size: 2
    gpu_memory_utilization: 0.9
    max_model_len: 40960
    speculation:
      method: ngram
      tokens: 8
      lookup: 2
  draft:
    engine: vllm
    model: Qwen/Qwen3-1.7B
    gpus: [2]
    max_model_len: 40960
  judge:
    engine: endpoint
    model: some-judge
    base_url: http://node:8000/v1
roles:
  target: target
  speculative_target: target
  draft: draft
  judge: judge
defaults:
  parallel_budget: 8
  step_cap: 512
"""


def knows_every_option(command_lines: Sequence[Sequence[str]]) -> OptionCheck:
    """Stands for vLLM's parser, which takes seconds: it knows what does not begin with `--no-such`."""
    unknown = [[word for word in words if word.startswith("--no-such")] for words in command_lines]
    return OptionCheck(tuple(f"unrecognized arguments: {words[0]}" if words else None for words in unknown))


def planned(profile: Profile, tmp_path: Path, gpus: int = 8, gib: float = H100_GIB, memory: int = 256 * GIB) -> Plan:
    """The plan for so many GPUs of so many GiB each, and so many bytes of main memory."""
    cache = Cache(tmp_path)
    supply = GpuSupply((int(gib * GIB),) * gpus, "for the test")
    return make_plan(profile, supply, memory, cache, Architectures(cache), knows_every_option)
