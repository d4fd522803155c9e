"""What several tests of serving need: servers whose engine is the stand-in, a machine without hub and GPU build."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from lr_demo.config import VllmServer
from lr_demo.serving import launch_vllm as launching
from lr_demo.serving import server as servers
from lr_demo.serving.launch import Launch
from lr_demo.serving.launch_vllm import launch_vllm
from lr_demo.serving.processes import Command, python_module
from tests.serving.stub_fleet import STARTS, Engine


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Makes servers whose engine is the stand-in."""
    return stub_engine(tmp_path, monkeypatch)


def stub_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The same for a program of its own."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")

    def launch(
        config: VllmServer, name: str, weights: str, port: int, compiled: Path, proposals: Path | None
    ) -> Launch:
        real = launch_vllm(config, name, weights, port, compiled)
        behaviour, counted_as = config.extra_args
        argv = python_module("tests.serving.stub_engine", str(port), str(tmp_path / counted_as), behaviour)
        return Launch(Command(argv), real.milestones, real.listening, real.announced)

    monkeypatch.setattr(servers, "launch_vllm", launch)

    def make(
        behaviour: str, counted_as: str = STARTS, *, on_demand: bool = False, gpus: tuple[int, ...] = ()
    ) -> VllmServer:
        return VllmServer(
            engine="vllm",
            model=str(folder),
            extra_args=(behaviour, counted_as),
            on_demand=on_demand,
            gpus=gpus,
            tensor_parallel_size=len(gpus) or 1,
            gpu_memory_utilization=0.4,
        )

    return make


@pytest.fixture
def no_hub_and_no_gpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is switched off, and a vLLM that is installed is the build for the processor."""
    monkeypatch.setattr(constants, "is_offline_mode", lambda: True)
    monkeypatch.setattr(launching, "vllm_runs_on_gpu", lambda: False)
