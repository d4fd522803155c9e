"""The command line and environment vLLM is started with, on GPUs and on the CPU."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from lr_demo.config import (
    DraftModelSpeculation,
    EagleSpeculation,
    NgramSpeculation,
    SuffixSpeculation,
    VllmServer,
    VllmSpeculation,
)
from lr_demo.serving import launch_vllm as starts
from lr_demo.serving.hardware import inspect_hardware
from lr_demo.serving.launch_vllm import launch_vllm
from lr_demo.serving.processes import Command

CPU = VllmServer(engine="vllm", model="m", dtype="auto", kv_cache_gib=0.5, eager=True, extra_args=("--seed", "1"))
GPUS = VllmServer(engine="vllm", model="m", gpus=(2, 3), tensor_parallel_size=2, gpu_memory_utilization=0.85)


@pytest.fixture(autouse=True)
def _no_build_for_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "vllm_runs_on_gpu", lambda: False)


def command(config: VllmServer, weights: str = "someone/model") -> Command:
    return launch_vllm(config, "m", weights, 1234, Path("compiled")).command


def value(argv: Sequence[str], option: str) -> str:
    """The word behind an option."""
    return argv[argv.index(option) + 1]


def test_on_gpus_it_sees_its_own_and_takes_its_share_of_them() -> None:
    started = command(GPUS)
    assert value(started.argv, "--tensor-parallel-size") == "2"
    assert value(started.argv, "--gpu-memory-utilization") == "0.85"
    assert started.environment["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert started.environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert not {"LD_PRELOAD", "OMP_NUM_THREADS", "VLLM_ENABLE_V1_MULTIPROCESSING"} & started.environment.keys()
    assert not {"--kv-cache-memory-bytes", "--block-size"} & set(started.argv)


def test_only_what_differs_from_vllm_s_defaults_is_said() -> None:
    options = {word for word in command(GPUS).argv if word.startswith("--")}
    assert not {"--pipeline-parallel-size", "--data-parallel-size", "--speculative-config", "--enforce-eager"} & options
    assert not {option for option in options if "prefix-caching" in option}


def test_every_kind_of_parallelism_is_passed_on() -> None:
    config = GPUS.model_copy(update={"gpus": tuple(range(8)), "pipeline_parallel_size": 2, "data_parallel_size": 2})
    argv = command(config).argv
    assert value(argv, "--pipeline-parallel-size") == value(argv, "--data-parallel-size") == "2"


def test_on_the_cpu_no_share_of_a_gpu_is_spoken_of() -> None:
    started = command(CPU)
    assert "--gpu-memory-utilization" not in started.argv
    assert "CUDA_VISIBLE_DEVICES" not in started.environment


def test_a_build_for_gpus_takes_the_first_ones_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "vllm_runs_on_gpu", lambda: True)
    assert command(CPU).environment["CUDA_VISIBLE_DEVICES"] == "0"
    assert value(command(CPU).argv, "--dtype") == "auto"


def test_prefix_caching_is_switched_off_where_the_profile_says_so() -> None:
    assert "--no-enable-prefix-caching" in command(GPUS.model_copy(update={"prefix_caching": False})).argv


@pytest.mark.parametrize(
    ("speculation", "expected"),
    [
        (
            NgramSpeculation(method="ngram", tokens=8, lookup=2),
            {"method": "ngram", "num_speculative_tokens": 8, "prompt_lookup_max": 2, "prompt_lookup_min": 2},
        ),
        (SuffixSpeculation(method="suffix"), {"method": "suffix", "num_speculative_tokens": 24}),
        (
            DraftModelSpeculation(method="draft_model", model="a/b"),
            {"method": "draft_model", "num_speculative_tokens": 4, "model": "a/b"},
        ),
        (
            EagleSpeculation(method="eagle3", model="a/head"),
            {"method": "eagle3", "num_speculative_tokens": 3, "model": "a/head"},
        ),
    ],
)
@pytest.mark.parametrize("config", [CPU, GPUS])
def test_speculation_is_told_to_vllm(config: VllmServer, speculation: VllmSpeculation, expected: object) -> None:
    argv = command(config.model_copy(update={"speculation": speculation})).argv
    assert json.loads(value(argv, "--speculative-config")) == expected


def test_vllm_is_offline_only_where_every_model_of_it_is_a_folder(tmp_path: Path) -> None:
    assert "HF_HUB_OFFLINE" not in command(GPUS).environment
    assert "HF_HUB_OFFLINE" in command(GPUS, str(tmp_path)).environment
    drafting = GPUS.model_copy(update={"speculation": DraftModelSpeculation(method="draft_model", model="a/b")})
    assert "HF_HUB_OFFLINE" not in command(drafting, str(tmp_path)).environment


@pytest.mark.parametrize(
    ("features", "dtype"),
    [
        (("avx2",), "float32"),
        (("avx2", "avx512f"), "float32"),
        (("avx512f", "avx512_bf16"), "bfloat16"),
        ((), "float32"),
    ],
)
def test_vllm_computes_in_what_the_processor_is_fast_in(
    features: tuple[str, ...], dtype: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(starts, "processor", lambda: ("a processor", features))
    argv = launch_vllm(CPU, "m", str(tmp_path), 1234, tmp_path).command.argv
    assert argv[argv.index("--dtype") + 1] == dtype


def test_vllm_is_started_quietly_and_privately(tmp_path: Path) -> None:
    command = launch_vllm(CPU, "m", str(tmp_path), 1234, tmp_path / "compiled").command
    assert command.argv[command.argv.index("--host") + 1] == "127.0.0.1"
    assert command.argv[command.argv.index("--kv-cache-memory-bytes") + 1] == str(2**29)
    assert command.argv[-2:] == ("--seed", "1")
    assert "--enforce-eager" in command.argv
    assert command.environment["VLLM_NO_USAGE_STATS"] == command.environment["HF_HUB_OFFLINE"] == "1"
    assert command.environment["VLLM_CACHE_ROOT"] == str(tmp_path / "compiled")
    assert command.environment["OMP_NUM_THREADS"] == str(inspect_hardware().cores)


def test_vllm_keeps_to_the_cores_of_its_profile(tmp_path: Path) -> None:
    bound = CPU.model_copy(update={"cores": "0-2,5"})
    environment = launch_vllm(bound, "m", str(tmp_path), 1234, tmp_path).command.environment
    assert environment["GOMP_CPU_AFFINITY"] == "0 1 2 5"
    assert environment["OMP_NUM_THREADS"] == "4"
    assert environment["KMP_BLOCKTIME"] == "5"


@pytest.mark.parametrize("cores", ["", "5-2", "0,,1", "a", "0-", "-1"])
def test_cores_that_are_none_are_refused(cores: str) -> None:
    with pytest.raises(ValidationError, match="write them as 0-2,5"):
        VllmServer(engine="vllm", model="m", cores=cores)
