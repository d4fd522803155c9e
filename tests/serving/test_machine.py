"""The profile that suits a machine, how engines are started on it, and what is said when they die."""

import sys
from pathlib import Path

import pytest

from lr_demo.config import LlamaCppServer, VllmServer, load_profile
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CATALOGUE
from lr_demo.serving.hardware import (
    Engine,
    Gpu,
    Hardware,
    choose_profile,
    inspect_engines,
    inspect_hardware,
    inspect_models,
)

MACHINE = Hardware("a processor", 8, ("avx2",), 32 * 10**9, 16 * 10**9, ())


def engines(*names: str) -> list[Engine]:
    return [Engine(name, "1.0" if name in names else None, "") for name in ("vllm", "torch", "llama.cpp")]


@pytest.mark.parametrize(
    ("installed", "features", "memory", "expected", "why"),
    [
        (
            ("vllm", "torch", "llama.cpp"),
            "avx512_bf16",
            32,
            "cpu",
            "no GPU was found; vLLM and llama.cpp are installed",
        ),
        (("vllm", "torch", "llama.cpp"), "avx512_bf16", 8, "laptop", "not cpu: it wants 12.0 GB of memory, here are 8"),
        (("vllm", "torch", "llama.cpp"), "avx2", 32, "laptop", "not cpu: this processor does not multiply in bfloat16"),
        (("llama.cpp",), "avx512_bf16", 32, "laptop", "not cpu: torch and vllm not installed; llama.cpp is installed"),
        ((), "avx512_bf16", 32, "simulated", "not laptop: llama.cpp not installed; the simulated models need nothing"),
    ],
)
def test_the_profile_follows_from_the_machine(
    installed: tuple[str, ...], features: str, memory: int, expected: str, why: str
) -> None:
    machine = Hardware("a processor", 8, (features,), memory * 10**9, memory * 10**9, ())
    name, reason = choose_profile(machine, engines(*installed))
    assert name == expected
    assert why in reason
    load_profile(name)


@pytest.mark.parametrize(
    ("gpus", "gib", "gpu_build", "expected", "why"),
    [
        (8, 79.6, True, "h100x8", "it wants 8 GPUs of 75 GiB or more, here are 8"),
        (16, 79.6, True, "h100x8", "here are 16"),
        (5, 79.6, True, "h100x4", "not h100x8: it wants 8 GPUs of 75 GiB or more, here are 5; it wants 4"),
        (1, 79.6, True, "h100x1", "not h100x4: it wants 4 GPUs of 75 GiB or more, here is 1; it wants 1 GPU"),
        (8, 40.0, True, "cpu", "not h100x1: it wants 1 GPU of 75 GiB or more, here is none"),
        (8, 79.6, False, "cpu", "not h100x8: vLLM for GPUs is not installed: run `make setup HARDWARE=gpu`"),
        (0, 0.0, True, "laptop", "not cpu: the vLLM that is installed is built for GPUs, and none was found"),
    ],
)
def test_the_profile_follows_from_the_gpus(gpus: int, gib: float, gpu_build: bool, expected: str, why: str) -> None:
    gpu = Gpu("a GPU", int(gib * 2**30), int(gib * 2**30))
    machine = Hardware("a processor", 8, ("avx512_bf16",), 32 * 10**9, 32 * 10**9, (gpu,) * gpus)
    vllm = Engine("vllm", "1.0", "", gpu_build)
    name, reason = choose_profile(machine, [vllm, *engines("torch", "llama.cpp")[1:]])
    assert name == expected
    assert why in reason
    load_profile(name)


def test_this_machine_is_described() -> None:
    machine = inspect_hardware()
    assert machine.cores >= 1
    assert 0 < machine.memory_available <= machine.memory
    assert machine.processor


def test_looking_for_engines_imports_none() -> None:
    before = {"vllm", "torch", "xllamacpp"} & sys.modules.keys()
    inspect_engines()
    assert {"vllm", "torch", "xllamacpp"} & sys.modules.keys() == before


def test_an_empty_cache_has_no_model(tmp_path: Path) -> None:
    assert [model.entry.name for model in inspect_models(Cache(tmp_path)) if model.present or model.converted] == []


@pytest.mark.parametrize("name", ["cpu", "laptop"])
def test_shipped_profiles_use_models_of_the_catalogue_under_their_labels(name: str) -> None:
    profile = load_profile(name)
    for server in profile.servers.values():
        assert isinstance(server, VllmServer | LlamaCppServer)
        entry = CATALOGUE[server.model]
        assert (server.family, server.vocabulary) == (entry.family, entry.tokenizer)
    assert profile.embedder in CATALOGUE


def test_every_file_of_the_catalogue_is_pinned() -> None:
    for entry in CATALOGUE.values():
        assert entry.files
        for file in entry.files:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.size > 0
            assert len(set(file.parts)) == len(file.parts) > 0
