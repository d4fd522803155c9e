"""What several tests of serving need."""

import pytest
from huggingface_hub import constants

from lr_demo.serving import launch_vllm


@pytest.fixture
def no_hub_and_no_gpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is switched off, and a vLLM that is installed is the build for the processor."""
    monkeypatch.setattr(constants, "is_offline_mode", lambda: True)
    monkeypatch.setattr(launch_vllm, "vllm_runs_on_gpu", lambda: False)
