"""Two dozen broken profiles, each refused with the message that helps: when it is read, or when it is planned."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from lr_demo.config import parse_profile
from lr_demo.errors import ConfigError
from lr_demo.serving.placement import GIB
from tests.serving.plans import GOOD, planned

R1 = "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"


class Broken(NamedTuple):
    """A sound profile with one change."""

    old: str
    new: str
    message: str
    """What is said, as a pattern."""


READ = {
    "a GPU twice": Broken(
        "gpus: [0, 1]", "gpus: [0, 0]", r"line 4, key servers\.target: gpus \[0, 0\] names a GPU twice"
    ),
    "fewer GPUs than its parallelism takes": Broken(
        "gpus: [0, 1]", "gpus: [0]", r"tensor 2 × pipeline 1 × data parallel 1 takes 2 GPUs, but gpus names \[0\]"
    ),
    "a GPU below 0": Broken(
        "gpus: [0, 1]", "gpus: [0, -1]", r"line 7, key servers\.target\.gpus\.1: .*greater than or equal to 0"
    ),
    "an option of another name": Broken(
        "tensor_parallel_size: 2", "tensor_parallel: 2", r"key servers\.target\.tensor_parallel: .*not permitted"
    ),
    "more than a whole GPU": Broken(
        "gpu_memory_utilization: 0.9", "gpu_memory_utilization: 1.5", r"key .*utilization: .*less than or equal to 1"
    ),
    "two servers on one GPU with more than it has": Broken(
        "gpus: [2]", "gpus: [1]", r"GPU 1 is given away more than once: target 0\.9 \+ draft 0\.9 = 1\.8; lower"
    ),
    "a speculation nobody knows": Broken(
        "method: ngram", "method: telepathy", r"key servers\.target\.speculation: .*'telepathy'.*'ngram', 'suffix'"
    ),
    "no proposals": Broken(
        "tokens: 8", "tokens: 0", r"line 13, key servers\.target\.speculation\.tokens: .*greater than or equal to 1"
    ),
    "a draft model without a name": Broken(
        "method: ngram", "method: draft_model", r"key servers\.target\.speculation\.model: Field required"
    ),
    "a speculative target that does not speculate": Broken(
        "speculative_target: target", "speculative_target: draft", "server 'draft', which has no speculation"
    ),
    "a role without a server": Broken(
        "draft: draft", "draft: drat", "role draft names server 'drat', which is not under servers"
    ),
    "an endpoint without an address": Broken(
        "base_url: http://node:8000/v1", "base_url: []", r"key servers\.judge\.base_url: .*at least 1 item"
    ),
}
PLANNED = {
    "a GPU that is not there": Broken(
        "gpus: [2]", "gpus: [7]", "draft: it wants GPU 7, and there are 4, numbered 0 to 3: change gpus"
    ),
    "a share too small for the weights": Broken(
        "gpu_memory_utilization: 0.9",
        "gpu_memory_utilization: 0.4",
        r"target: it does not fit: 39\.8 GiB are needed on each GPU .* raise gpu_memory_utilization to 0\.5",
    ),
    "a model too large for one GPU": Broken(
        "gpus: [0, 1]\n    tensor_parallel_size: 2",
        "gpus: [0]",
        r"does not fit: .*61\.0 GiB of weights.*over more GPUs",
    ),
    "heads that do not divide": Broken(
        "gpus: [0, 1]\n    tensor_parallel_size: 2",
        "gpus: [0, 1, 3]\n    tensor_parallel_size: 3",
        r"size 3 does not divide its 64 attention heads \(Qwen/Qwen3-32B\): possible are 1, 2, 4, 8",
    ),
    "KV heads that do not divide": Broken(
        "Qwen/Qwen3-1.7B\n    gpus: [2]",
        f"{R1}\n    gpus: [1, 2, 3]\n    tensor_parallel_size: 3\n    gpu_memory_utilization: 0.1",
        "draft: tensor_parallel_size 3 and its 2 KV heads do not divide by each other",
    ),
    "a context the model was not made for": Broken(
        "max_model_len: 40960\n    spec",
        "max_model_len: 65536\n    spec",
        "max_model_len 65,536 is more than the 40,960",
    ),
    "an option vLLM does not know": Broken(
        "max_model_len: 40960\n    spec",
        "max_model_len: 40960\n    extra_args: [--no-such-option]\n    spec",
        "target: vLLM refuses its options: unrecognized arguments: --no-such-option",
    ),
    "a draft model of another vocabulary": Broken(
        "method: ngram\n      tokens: 8\n      lookup: 2",
        "method: draft_model\n      model: Qwen/Qwen2.5-7B-Instruct",
        "a vocabulary of 152,064, Qwen/Qwen3-32B one of 151,936: they must be the same",
    ),
    "a model that is nowhere": Broken(
        "Qwen/Qwen3-1.7B", "qwen3-1.7b", "draft: there is no model 'qwen3-1.7b': give one of qwen2.5-coder-1.5b"
    ),
    "a model that does not write": Broken(
        "Qwen/Qwen3-1.7B", "all-minilm-l6-v2", "draft: all-minilm-l6-v2 is no language model: choose one of"
    ),
    "a KV cache too small on the processor": Broken(
        "Qwen/Qwen3-1.7B\n    gpus: [2]",
        "Qwen/Qwen3-1.7B\n    kv_cache_gib: 0.5",
        r"draft: it does not fit: 5\.1 GiB of KV cache for 48,128 tokens are needed, and kv_cache_gib gives 0\.5",
    ),
    "more than the main memory": Broken(
        "Qwen/Qwen3-1.7B\n    gpus: [2]",
        "Qwen/Qwen3-8B\n    kv_cache_gib: 10",
        r"good: the servers on the processor do not fit: draft 2\d\.\d = .*, the machine has 16\.0",
    ),
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in READ.items()])
def test_a_profile_that_says_what_none_may_say_is_not_read(broken: Broken) -> None:
    assert broken.old in GOOD
    with pytest.raises(ConfigError, match=broken.message) as caught:
        parse_profile(GOOD.replace(broken.old, broken.new, 1), "bad.yaml")
    assert str(caught.value).startswith("bad.yaml, line ")


@pytest.mark.usefixtures("no_hub_and_no_gpu_build")
@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in PLANNED.items()])
def test_a_profile_that_cannot_run_on_four_gpus_is_refused_by_the_plan(broken: Broken, tmp_path: Path) -> None:
    assert broken.old in GOOD
    profile = parse_profile(GOOD.replace(broken.old, broken.new, 1), "bad.yaml")
    plan = planned(profile, tmp_path, gpus=4, memory=16 * GIB)
    assert not plan.fits
    said = "\n".join(f"{who}: {refusal}" for who, refusal in plan.every_refusal)
    assert re.search(broken.message, said), said


@pytest.mark.usefixtures("no_hub_and_no_gpu_build")
def test_what_they_were_made_from_is_sound(tmp_path: Path) -> None:
    assert planned(parse_profile(GOOD, "good.yaml"), tmp_path, gpus=4, memory=16 * GIB).fits
