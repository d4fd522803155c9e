"""The requirements of a GPU server resolve to one consistent set, found from metadata alone."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
UNREACHABLE = re.compile(
    "error sending request|failed to fetch|dns error|timed out|lookups were disabled|network was disabled",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def install() -> ModuleType:
    """The script that `make setup` runs, for the indexes it would use."""
    spec = importlib.util.spec_from_file_location("install", ROOT / "scripts" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.packages
@pytest.mark.skipif(importlib.util.find_spec("uv") is None, reason="uv is not installed: pip install uv")
@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_the_gpu_server_s_requirements_resolve(python: str, install: ModuleType) -> None:
    files = ["requirements.txt", "requirements-dev.txt"]
    target = ["--python-version", python, "--python-platform", "x86_64-manylinux_2_31"]
    done = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", *files, *target, "--no-header", "--no-annotate"],
        cwd=ROOT,
        env=install.uv_environment(install.pip_settings(), "gpu"),
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    if done.returncode != 0 and UNREACHABLE.search(done.stderr):
        pytest.skip(f"no package index can be reached: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    chosen = dict(line.split("==", 1) for line in done.stdout.splitlines() if "==" in line)
    assert chosen["vllm"] == "0.32.0"
    assert chosen["torch"].startswith("2.13.0")
    assert {"gradio", "transformers", "xllamacpp", "nvidia-ml-py", "pytest"} <= chosen.keys()
