"""The command line as a process of its own: what it prints where, and how it ends."""

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lr_demo.cli import main
from lr_demo.events import RunStarted
from lr_demo.runs.traces import read_trace
from lr_demo.terminal import plain
from tests.runs.simulated_profile import DRAFTED, REPLICAS, SLOW, STEADY, TEXT

pytestmark = pytest.mark.realtime
ROOT = Path(__file__).resolve().parent.parent
ESCAPE = "\x1b"


Command = Callable[..., "Ended"]


class Shell:
    """Runs the command line with a home folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.profile = folder / "quick.yaml"
        self.profile.write_text(TEXT)
        self.slow = folder / "slow.yaml"
        self.slow.write_text(SLOW)
        self.environment = {
            **os.environ,
            "LOOKAHEAD_LIVE_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "PYTHONWARNINGS": "error",
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }

    def run(self, *arguments: str, stdin: str = "", wrapper: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [*wrapper, sys.executable, "-m", "lr_demo", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "lr_demo", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def traces(self) -> list[Path]:
        return sorted((self.home / "traces").glob("*.jsonl"))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def figures(self) -> dict[str, Any]:
        return json.loads(self.out)  # type: ignore[no-any-return]


@pytest.fixture
def here(shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The command line in this process: the same way in, without a second of imports each time."""
    monkeypatch.chdir(shell.folder)
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(shell.home))
    terminated = signal.getsignal(signal.SIGTERM)

    def command(*arguments: str) -> Ended:
        code = main(list(arguments))
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    yield command
    signal.signal(signal.SIGTERM, terminated)


def solve(shell: Shell, *arguments: str) -> tuple[str, ...]:
    return ("run", "--profile", str(shell.profile), "--prompt", "two and two", *arguments)


def test_json_prints_one_object_and_nothing_else(shell: Shell) -> None:
    done = shell.run(*solve(shell, "--mode", "lookahead", "--lookahead", "4", "--baseline", "--json"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    figures = json.loads(done.stdout)
    assert set(figures) >= {
        "status", "mode", "answer", "output_tokens", "wall_s", "tokens_per_s", "baseline_tokens_per_s", "speedup",
        "accepted", "corrected", "acceptance_rate", "mean_accepted_run", "drafted_tokens", "wasted_draft_tokens",
        "wasted_target_tokens", "verdict_latency_p50_s", "verdict_latency_p95_s", "models", "profile", "simulated",
    }  # fmt: skip
    assert (figures["status"], figures["mode"], figures["profile"]) == ("finished", "lookahead", "simulated-quick")
    assert figures["simulated"] is True
    assert figures["output_tokens"] > 30
    assert figures["speedup"] == pytest.approx(figures["tokens_per_s"] / figures["baseline_tokens_per_s"])
    assert figures["models"] == {"target": "simulated", "draft": "simulated", "judge": "simulated"}
    assert figures["final_answer"] is not None
    assert len(read_trace(Path(figures["trace"]))) > 50
    assert "plain decoding, the baseline" in done.stderr  # the progress is there for people


def test_the_same_seed_gives_the_same_answer(shell: Shell, here: Command) -> None:
    again = solve(shell, "--mode", "autoregressive", "--seed", "5", "--json")
    first, second = here(*again), here(*again)
    assert first.figures["answer"] == second.figures["answer"] != ""


def test_auto_says_what_it_chooses_and_why(shell: Shell, here: Command) -> None:
    done = here(*solve(shell, "--mode", "auto"))
    assert done.code == 0, done.err
    assert "auto: LR, γ 1 since step 1 (to begin with" in done.out


def test_steps_are_shown_as_they_are_decided_and_a_summary_at_the_end(shell: Shell, here: Command) -> None:
    done = here(*solve(shell, "--mode", "lookahead"))
    assert done.code == 0, done.err
    assert "accepted" in done.out
    assert "acceptance" in done.out
    assert "simulated: no model took part" in done.out
    assert ESCAPE not in done.out
    assert f"trace: {shell.traces()[0]}" in done.err


def test_a_baseline_that_was_measured_before_is_used_and_none_is_measured_unasked(shell: Shell, here: Command) -> None:
    assert here(*solve(shell, "--json")).figures["speedup"] is None
    assert here(*solve(shell, "--mode", "autoregressive", "--json")).figures["baseline"] is None
    assert len(shell.traces()) == 2
    assert here(*solve(shell, "--json")).figures["speedup"] is not None
    assert len(shell.traces()) == 3
    assert here(*solve(shell, "--json", "--no-baseline")).figures["speedup"] is None
    assert here(*solve(shell, "--json", "--baseline", "--remeasure")).figures["speedup"] is not None
    assert len(shell.traces()) == 6


def test_a_prompt_from_a_file(shell: Shell, here: Command) -> None:
    (shell.folder / "problem.txt").write_text("zwei und zwei: 2 + 2 = ?\n")
    assert here("run", "--profile", str(shell.profile), "--prompt-file", "problem.txt", "--json").code == 0
    assert [prompt_of(path) for path in shell.traces()] == ["zwei und zwei: 2 + 2 = ?"]


def test_a_prompt_from_standard_input(shell: Shell) -> None:
    arguments = ("run", "--profile", str(shell.profile), "--prompt-file", "-", "--json")
    assert shell.run(*arguments, stdin="three and three").returncode == 0
    assert [prompt_of(path) for path in shell.traces()] == ["three and three"]


def prompt_of(trace: Path) -> str:
    first = read_trace(trace)[0]
    assert isinstance(first, RunStarted)
    return first.prompt


def test_every_option_reaches_the_run(shell: Shell, here: Command) -> None:
    options = {
        "mode": "lookahead", "lookahead": 2, "width": 2, "parallel_budget": 3, "schedule": "sync",
        "verifier": "embedding", "threshold": 0.7, "temperature": 0.5, "seed": 9, "max_tokens": 20, "step_cap": 9,
    }  # fmt: skip
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    done = here(*solve(shell, *flags, "--json"))
    assert done.code == 0, done.err
    started = read_trace(Path(done.figures["trace"]))[0]
    assert isinstance(started, RunStarted)
    assert {name: started.settings[name] for name in options} == options
    assert done.figures["reason"] == "token_limit"
    assert done.figures["output_tokens"] <= 20


MISTAKES: list[tuple[list[str], str]] = [
    (["--prompt", "  "], "the prompt is empty"),
    (["--prompt-file", "long.txt"], "200,000 characters, at most 50,000"),
    (["--prompt-file", "gone.txt"], "the prompt file gone.txt cannot be read: No such file"),
    (["--prompt-file", "latin1.txt"], "latin1.txt is not UTF-8 text"),
    (["--prompt-file", "."], "the prompt file . cannot be read: Is a directory"),
    ([], "give the problem with --prompt"),
    (["--prompt", "x", "--prompt-file", "long.txt"], "one of the two"),
    (["--prompt", "x", "--lookahead", "0"], "lookahead = 0"),
    (["--prompt", "x", "--lookahead", "many"], "'--lookahead': Input should be a valid integer"),
    (["--prompt", "x", "--threshold", "7"], "threshold 7 is out of range: judge verifier, 0 to 1"),
    (
        ["--prompt", "x", "--mode", "telepathy"],
        "'autoregressive', 'speculative', 'lookahead', 'lookahead+speculative', 'specreason', 'auto'",
    ),
    (["--prompt", "x", "--mode", "speculative"], "roles.speculative_target"),
    (["--prompt", "x", "--verifier", "coin"], "'exact', 'judge', 'embedding', 'cascade', 'random'"),
    (["--prompt", "x", "--profile", "nonsense"], "there is no profile 'nonsense': choose one of"),
    (["--prompt", "x", "--profile", "broken.yaml"], "broken.yaml, line 5, key servers.draft.ms_per_token: "),
    (["--prompt", "x", "--profile", "gone.yaml"], "gone.yaml cannot be read"),
    (["--prompt", "x", "--colour", "red"], "No such option"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=[message[:30] for _, message in MISTAKES])
def test_a_mistake_ends_with_code_2_and_one_sentence(
    shell: Shell, here: Command, arguments: list[str], message: str
) -> None:
    (shell.folder / "long.txt").write_text("a" * 200_000)
    (shell.folder / "latin1.txt").write_bytes("é".encode("latin-1"))
    (shell.folder / "broken.yaml").write_text(TEXT.lstrip().replace("ms_per_token: 0.3", "ms_per_token: fast"))
    profile = [] if "--profile" in arguments else ["--profile", str(shell.profile)]
    done = here("run", *profile, *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert shell.traces() == []


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (DRAFTED, "speculative", ""),
        (DRAFTED, "lookahead+speculative", ""),
        (DRAFTED, "lookahead", "--proposals ngram changes nothing: mode lookahead is without"),
        (REPLICAS, "speculative", "--proposals ngram changes nothing: no target of profile simulated-replicas takes"),
    ],
)
def test_a_choice_of_proposals_that_changes_nothing_is_said(
    shell: Shell, here: Command, text: str, mode: str, said: str
) -> None:
    shell.profile.write_text(text)
    done = here(*solve(shell, "--mode", mode, "--proposals", "ngram", "--json"))
    assert done.code == 0
    assert said in done.err
    assert bool(said) == ("changes nothing" in done.err)
    assert "changes nothing" not in here(*solve(shell, "--mode", mode, "--json")).err


def test_a_mistake_in_a_process_of_its_own(shell: Shell) -> None:
    done = shell.run(*solve(shell, "--mode", "telepathy", "--json"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "'telepathy' is not one of 'autoregressive'" in done.stderr


def test_an_unknown_command_none_and_help(here: Command) -> None:
    unknown = here("fly")
    assert (unknown.code, unknown.out) == (2, "")
    assert "No such command 'fly'" in unknown.err
    nothing = here()
    assert nothing.code == 2
    assert "serve" in nothing.out + nothing.err
    assert here("--help").code == 0
    assert "--parallel-budget" in here("run", "--help").out


def test_a_model_file_that_is_not_there_is_a_failed_run(shell: Shell, here: Command) -> None:
    (shell.folder / "missing.yaml").write_text(
        "name: missing\ndescription: no file\nservers:\n"
        "  target: {engine: llama.cpp, model: ./no-such-model.gguf}\nroles: {target: target}\n"
    )
    done = here("run", "--profile", "missing.yaml", "--mode", "autoregressive", "--prompt", "x", "--json")
    assert done.code == 1
    assert done.figures["status"] == "failed"
    assert "no-such-model.gguf" in done.figures["reason"]


def test_a_port_in_use_is_a_sentence(shell: Shell, here: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = here("serve", "--profile", str(shell.profile), "--port", str(port))
    assert done.code == 2
    assert f"port {port}" in done.err
    assert "--port" in done.err
    assert done.err.count("\n") == 1


def test_markup_and_escapes_in_a_name_are_text(here: Command) -> None:
    done = here("run", "--profile", f"[red]{ESCAPE}]0;owned\x07", "--prompt", "x")
    assert done.code == 2
    assert ESCAPE not in done.err
    assert "[red]" in done.err


@pytest.mark.parametrize("character", [ESCAPE, "\x07", "\x08", "\r", "\x9b", "\x7f", "\u202e", "\u2066"])
def test_what_a_terminal_would_obey_is_shown_as_a_replacement(character: str) -> None:
    assert plain(f"a{character}[2Jb [bold]c[/bold]\n\td").plain == "a\N{REPLACEMENT CHARACTER}[2Jb [bold]c[/bold]\n\td"


def test_no_room_for_the_trace_is_told_once_and_the_run_goes_on(shell: Shell) -> None:
    limit = ("bash", "-c", 'ulimit -f 2; exec "$@"', "-")
    arguments = ("run", "--profile", str(shell.profile), "--prompt", "two and two", "--json")
    done = shell.run(*arguments, wrapper=limit)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["status"] == "finished"
    assert "cannot be written (File too large)" in figures["trace_error"]
    assert done.stderr.count("cannot be written") == 1
    assert len(read_trace(Path(figures["trace"]))) > 1


def wait_for_steps(shell: Shell) -> Path:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for path in shell.traces():
            if path.read_bytes().count(b"\n") > 5:
                return path
        time.sleep(0.05)
    raise AssertionError("no run began")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Processes started now listen to an interrupt, even if the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_stops_the_run_and_shows_what_there_is(shell: Shell) -> None:
    with shell.begin("run", "--profile", str(shell.slow), "--prompt", "two and two", "--json") as process:
        trace = wait_for_steps(shell)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    assert json.loads(output)["status"] == "stopped"
    assert "Traceback" not in errors
    assert read_trace(trace)[-1].type == "run_finished"


def test_killed_in_mid_run_the_trace_is_readable(shell: Shell) -> None:
    with shell.begin("run", "--profile", str(shell.slow), "--prompt", "two and two") as process:
        trace = wait_for_steps(shell)
        process.kill()
        process.communicate()
    events = read_trace(trace)
    assert [event.seq for event in events] == list(range(len(events)))
    assert len(events) > 5


def test_an_output_that_knows_no_unicode_does_not_end_the_run(shell: Shell) -> None:
    shell.environment["PYTHONIOENCODING"] = "ascii"
    done = shell.run(*solve(shell))
    assert done.returncode == 0, done.stderr
    assert "? accepted" in done.stdout


def test_in_a_terminal_steps_come_in_colour_with_a_line_of_what_is_being_written(shell: Shell) -> None:
    steady = shell.folder / "steady.yaml"
    steady.write_text(STEADY)  # long enough for the line to be drawn, on a busy machine too
    parent, child = pty.openpty()
    environment = {key: value for key, value in shell.environment.items() if key != "NO_COLOR"}
    command = [sys.executable, "-m", "lr_demo", "run", "--profile", str(steady), "--prompt", "two and two"]
    with subprocess.Popen(
        command,
        cwd=shell.folder,
        env={**environment, "TERM": "xterm-256color"},
        stdin=child,
        stdout=child,
        stderr=child,
    ) as process:
        os.close(child)
        shown = b""
        while select.select([parent], [], [], 30)[0]:
            try:
                data = os.read(parent, 65536)
            except OSError:  # how the end of a terminal reads
                break
            if not data:
                break
            shown += data
    os.close(parent)
    assert process.returncode == 0, shown
    assert "✓ accepted" in shown.decode()
    assert "\x1b[1;32m" in shown.decode()  # green
    assert "being judged" in shown.decode()


def test_doctor_says_what_there_is(here: Command) -> None:
    done = here("doctor")
    assert done.code == 0
    for word in ("hardware", "engines", "weights", "profiles", "simulated"):
        assert word in done.out.lower()


def test_a_recorded_run_is_saved_in_each_form(shell: Shell) -> None:
    made = shell.run("run", "--profile", str(shell.profile), "--mode", "lookahead", "--prompt", "How many?", "--json")
    trace = Path(json.loads(made.stdout)["trace"])
    for run in (trace.stem, str(trace)):
        done = shell.run("export", run, "--as", "jsonl", "--out", "-")
        assert (done.returncode, done.stdout) == (0, trace.read_text())
    done = shell.run("export", trace.stem, "--as", "perfetto", "--out", "run.json")
    assert done.returncode == 0
    assert json.loads((shell.folder / "run.json").read_text())["otherData"]["run"] == trace.stem
    done = shell.run("export", trace.stem)
    assert (shell.folder / f"lookahead-{trace.stem}.html").read_text().startswith("<!doctype html>")
    assert f"lookahead-{trace.stem}.html" in done.stderr


def test_a_run_that_is_not_there_is_not_saved(shell: Shell) -> None:
    for run in ("nothere1", "no/such.jsonl", "../x"):
        done = shell.run("export", run, "--as", "jsonl", "--out", "-")
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.strip().splitlines()) == 1
