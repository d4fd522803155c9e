"""`probe` and `predict` on the command line."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lr_demo.cli import main
from lr_demo.config import parse_profile
from lr_demo.runs.machine import machine_in_words
from lr_demo.runs.probes import ProbeStore
from tests.runs.simulated_profile import REPLICAS, TEXT

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a command; returns exit code, standard output and standard error."""
    monkeypatch.setenv("LOOKAHEAD_LIVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    terminated = signal.getsignal(signal.SIGTERM)

    def command(*arguments: str) -> tuple[int, str, str]:
        return main(list(arguments)), *capsys.readouterr()

    yield command
    signal.signal(signal.SIGTERM, terminated)


@pytest.mark.realtime
def test_a_probe_is_kept_and_told_with_its_predictions_in_json(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(REPLICAS)
    code, out, err = run("probe", str(file), "--seconds", "5", "--json")
    assert (code, out.count("\n")) == (0, 1), err
    told = json.loads(out)
    assert [row["scheme"] for row in told["expected"]] == ["AR", "SD", "LR", "LR+SD", "best"]
    assert told["acceptance"].startswith("assumed")
    assert told["simulated"] is True
    kept = ProbeStore().find(parse_profile(REPLICAS, "mine.yaml"), machine_in_words())
    assert kept is not None
    assert kept.model_dump(mode="json").items() <= told.items()


@pytest.mark.realtime
def test_a_probe_without_a_speculative_target_predicts_what_there_is(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(TEXT)
    code, out, _ = run("probe", str(file), "--seconds", "5")
    assert code == 0
    assert "Acceptance of steps: assumed" in out
    assert "held back most by" in out
    assert "SD" not in out


def test_the_cost_sheet_is_told_with_every_input(run: Run) -> None:
    code, out, _ = run("predict", "configs/costs/h100.yaml")
    assert code == 0
    assert "predicted by the cost model, not measured" in out
    assert "one input off 1.5 ×" in " ".join(out.split())
    assert "drafted_token_acceptance" in out


def test_a_profile_that_is_not_there_is_a_mistake(run: Run) -> None:
    for command in ("probe", "predict"):
        code, out, err = run(command, "nowhere.yaml")
        assert (code, out) == (2, "")
        assert "nowhere.yaml" in err
