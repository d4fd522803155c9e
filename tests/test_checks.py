"""The checks of `make check`, here so that they take their turn among the tests on all cores."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "command", ["-m ruff check .", "-m ruff format --check .", "-m mypy"], ids=["lint", "format", "types"]
)
def test_nothing_is_found(command: str) -> None:
    found = subprocess.run([sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
