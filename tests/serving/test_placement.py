"""Servers are placed on GPUs that are there, and those that share one load in turns."""

import asyncio
from pathlib import Path

import pytest

from lr_demo.config import Profile, RoleMap, VllmServer, load_profile
from lr_demo.errors import ServingError
from lr_demo.serving import launch_vllm, placement
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.hardware import Gpu, Hardware
from lr_demo.serving.placement import GIB, H100_GIB, gpu_supply, misplaced
from tests.serving.small_models import NOWHERE, ScriptedSource

H100 = Gpu("NVIDIA H100 80GB HBM3", 85_520_809_984, 85_000_000_000)


def machine(*gpus: Gpu) -> Hardware:
    return Hardware("a processor", 8, (), 64 * GIB, 32 * GIB, gpus)


def one_server(**given: object) -> Profile:
    server = VllmServer.model_validate({"engine": "vllm", "model": "some/model", **given})
    return Profile(name="p", description="p", servers={"target": server}, roles=RoleMap(target="target"))


@pytest.fixture
def gpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vLLM that is installed is the build for GPUs."""
    for module in (placement, launch_vllm):
        monkeypatch.setattr(module, "vllm_runs_on_gpu", lambda: True)


def test_a_plan_is_for_the_gpus_found_here() -> None:
    supply = gpu_supply(load_profile("h100x4"), machine(H100, H100), None, None)
    assert supply.memory == (H100.memory, H100.memory)
    assert supply.origin == "2 × NVIDIA H100 80GB HBM3 (79.6 GiB), found here"


def test_without_gpus_h100s_are_assumed_and_said() -> None:
    supply = gpu_supply(load_profile("h100x4"), machine(), None, None)
    assert supply.memory == (int(H100_GIB * GIB),) * 4
    assert "assumed" in supply.origin


def test_stated_gpus_go_before_those_found() -> None:
    supply = gpu_supply(load_profile("h100x4"), machine(H100), 8, 141.0)
    assert supply.memory == (141 * GIB,) * 8
    assert "as stated" in supply.origin
    assert gpu_supply(load_profile("h100x4"), machine(H100), 8, None).memory == (H100.memory,) * 8
    assert gpu_supply(load_profile("h100x4"), machine(), None, 40.0).memory == (40 * GIB,) * 4


def test_a_profile_for_the_processor_needs_no_gpu() -> None:
    assert gpu_supply(load_profile("laptop"), machine(), None, None).memory == ()


@pytest.mark.usefixtures("gpu_build")
def test_servers_that_name_no_gpus_cannot_both_have_the_first() -> None:
    server = VllmServer(engine="vllm", model="some/model")
    profile = Profile(
        name="p", description="p", servers={"a": server, "b": server}, roles=RoleMap(target="a", draft="b")
    )
    assert "b" in misplaced(profile, 8)
    assert "a" not in misplaced(profile, 8)


@pytest.mark.usefixtures("gpu_build")
def test_a_fleet_does_not_start_on_gpus_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "inspect_hardware", lambda: machine(H100))
    fleet = Fleet(one_server(gpus=[3]), cache=tmp_path, sources=(NOWHERE,))
    with pytest.raises(ServingError, match="server target: it wants GPU 3, and there is 1"):
        asyncio.run(fleet.start())


def test_a_fleet_does_not_put_the_cpu_s_build_on_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "vllm_runs_on_gpu", lambda: False)
    monkeypatch.setattr(placement, "inspect_hardware", lambda: machine(H100))
    source = ScriptedSource()
    fleet = Fleet(one_server(gpus=[0]), cache=tmp_path, sources=(source,))
    with pytest.raises(ServingError, match="places target on GPUs, and the vLLM that is installed cannot use any"):
        asyncio.run(fleet.start())
    assert source.asked == 0
