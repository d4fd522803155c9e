"""`plan` on the command line: what it prints, how it ends, and that its commands can be copied."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lr_demo.cli import main, planning
from lr_demo.config import PROFILES_FOLDER
from lr_demo.plan_view import shell_command
from lr_demo.serving.processes import Command
from tests.serving.plans import GOOD, knows_every_option

Plan = Callable[..., tuple[int, str, str]]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Plan]:
    """Plans the text of a profile; returns exit code, standard output and standard error."""
    monkeypatch.setenv("LOOKAHEAD_LIVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(planning, "check_options", knows_every_option)
    terminated = signal.getsignal(signal.SIGTERM)

    def run(text: str, *options: str) -> tuple[int, str, str]:
        file = tmp_path / "mine.yaml"
        file.write_text(text)
        code = main(["plan", str(file), *options])
        return code, *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, terminated)


def test_a_profile_that_fits_is_shown_with_its_commands_and_ends_with_0(plan: Plan) -> None:
    code, out, _ = plan(GOOD, "--gpus", "4", "--gpu-memory-gib", "80")
    assert code == 0
    assert "GPUs: 4 × 80.0 GiB, as stated" in out
    assert "CUDA_VISIBLE_DEVICES=0,1 \\\n" in out
    assert "  --tensor-parallel-size 2 \\\n" in out
    assert "judge (judge): some-judge, runs already at http://node:8000/v1" in out
    assert out.rstrip().endswith("✓ it fits")


def test_one_that_does_not_fit_says_why_and_ends_with_2(plan: Plan) -> None:
    code, out, _ = plan(GOOD, "--gpus", "4", "--gpu-memory-gib", "40")
    assert code == 2
    assert "✗ target: it does not fit: " in out
    assert "✓ it fits" not in out


def test_a_profile_of_running_servers_starts_nothing(plan: Plan) -> None:
    code, out, _ = plan((PROFILES_FOLDER / "remote.yaml").read_text())
    assert code == 0
    assert out.rstrip().endswith("✓ nothing is to be started here")


def test_json_prints_one_object_and_nothing_else(plan: Plan) -> None:
    code, out, err = plan(GOOD, "--gpus", "4", "--json")
    assert (code, out.count("\n"), err) == (0, 1, "")
    figures = json.loads(out)
    assert figures["fits"] is True
    target, _, judge = figures["servers"]
    assert target["gpus"] == [0, 1]
    assert target["memory"]["needed"] <= target["memory"]["room"]
    assert target["command"]["environment"]["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert judge["command"] is None
    assert json.loads(plan(GOOD, "--gpus", "2", "--json")[1])["fits"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gpus", "0"), "--gpus 0 is out of range: 1 to 1024"),
        (("--gpu-memory-gib", "0.5"), "--gpu-memory-gib 0.5 is out of range: 1 to 4096"),
    ],
)
def test_hardware_that_cannot_be_is_a_mistake(plan: Plan, options: tuple[str, str], message: str) -> None:
    code, out, err = plan(GOOD, *options)
    assert (code, out) == (2, "")
    assert message in err


def test_a_broken_profile_is_a_mistake(plan: Plan) -> None:
    code, out, err = plan(GOOD.replace("gpus: [0, 1]", "gpus: [0, 0]"))
    assert (code, out) == (2, "")
    assert "names a GPU twice" in err


def test_a_name_cannot_move_the_cursor(plan: Plan) -> None:
    code, out, _ = plan(GOOD.replace("model: some-judge", 'model: "\\e[2Jgone"'), "--gpus", "4")
    assert code == 0
    assert "\x1b" not in out
    assert "[2Jgone" in out


def test_a_command_that_is_copied_means_the_same_to_a_shell() -> None:
    words = ("--name", "it's $HOME", "--config", '{"method": "ngram", "n": [1, 2]}', "--flag", "--path=/a b/c")
    program = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['AWKWARD']]))"
    command = Command((sys.executable, "-c", program, *words), {"AWKWARD": 'a "b" `c`\n$d'})
    done = subprocess.run(["sh", "-c", shell_command(command)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [list(words), 'a "b" `c`\n$d']
