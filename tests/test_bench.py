"""`make bench`: what its last line says, what it leaves out and why, and what viewers are measured with."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from lr_demo.benchmark import bench
from lr_demo.benchmark.own_problems import OWN_PROBLEMS
from lr_demo.benchmark.problems import Problem
from lr_demo.benchmark.real_models import COMPARED, RealModels, measure_models
from lr_demo.benchmark.schedule import Measured
from lr_demo.benchmark.schemes import Scheme
from lr_demo.benchmark.step_cost import StepCost
from lr_demo.benchmark.viewers import Watched, slowdown, watched_runs
from lr_demo.cli.program import run_program
from lr_demo.config import Profile
from lr_demo.errors import ServingError
from lr_demo.grading import correct
from tests.runs.simulated_profile import replicated_profile

REAL = Measured(0.8, 6, ideal_s=19.0, kept_s=19.9, schedule_s=20.0, tokens=4000, events=4000, cpu_s=1.5, asked=[])


def simulated() -> bench.Simulated:
    watched = [Watched(0, 9.0), Watched(1, 10.0), Watched(50, 11.0), Watched(0, 11.0)]
    disturbed = replace(REAL, cpu_s=2.5)
    return bench.Simulated([REAL], [disturbed, REAL], [1.4, 1.1, 1.2], steps=StepCost(2.0, 2.2), watched=watched)


@pytest.fixture(autouse=True)
def _nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "measure_simulated", simulated)


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, float | None]:
    found: dict[str, float | None] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_the_last_line_has_every_figure_and_null_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(["--no-models"], bench.app) == 0
    assert last_line(capsys) == {
        "ar_tokens_per_s": None,
        "sd_drafted": None,
        "lr": None,
        "lr_sd_ngram": None,
        "lr_sd_drafted": None,
        "auto": None,
        "schedule_over_ideal": pytest.approx(20 / 19.9, abs=1e-5),
        "orchestrator_core_share": pytest.approx(0.02),
        "ms_per_event": pytest.approx(0.1),
        "step_cost_32k_over_1k": pytest.approx(1.1),
        "viewer_slowdown": pytest.approx(1.1),
    }


def test_servers_that_do_not_come_up_are_said_and_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(profile: Profile, problems: Sequence[Problem], max_tokens: int, console: Console) -> RealModels:
        raise ServingError(f"no server of {profile.name} came up")

    monkeypatch.setattr(bench, "measure_models", broken)
    assert run_program(["--profile", "laptop"], bench.app) == 0
    told = capsys.readouterr().out
    assert "no server of laptop came up" in told
    assert json.loads(told.splitlines()[-1])["ar_tokens_per_s"] is None


def test_a_profile_without_models_has_no_figures_of_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(["--profile", "simulated"], bench.app) == 0
    assert last_line(capsys)["lr"] is None


def test_every_scheme_that_can_be_run_is_run_on_every_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path_factory.mktemp("home")))
    found = measure_models(replicated_profile(), OWN_PROBLEMS[:2], 60, Console(quiet=True))
    ran = {Scheme.AR, *(scheme for scheme in COMPARED if scheme not in found.why_not)}
    assert {Scheme.LR_JUDGE, Scheme.LR_SD_NGRAM} < ran
    assert [(row.question, row.scheme) for row in found.rows] == [
        (problem.question, scheme) for problem in OWN_PROBLEMS[:2] for scheme in found.totals()
    ]
    assert set(found.totals()) == ran
    assert found.tokens == sum(row.summary.output_tokens for row in found.rows)
    told = bench.figures(simulated(), found)
    assert told.sd_drafted is told.lr_sd_drafted is None
    assert told.ar_tokens_per_s
    assert told.lr


def test_answers_of_our_problems_are_read_as_right() -> None:
    assert all(correct(problem.answer or "", problem.answer or "none") for problem in OWN_PROBLEMS)
    assert len({problem.question for problem in OWN_PROBLEMS}) == len(OWN_PROBLEMS)


def test_the_slowdown_is_that_of_the_most_viewers() -> None:
    assert slowdown([Watched(0, 10.0), Watched(1, 30.0), Watched(9, 12.0), Watched(0, 14.0)]) == 1.0


@pytest.mark.realtime
def test_viewers_in_another_process_see_a_run_to_its_end() -> None:
    runs = watched_runs((0, 3), steps=2)
    assert [run.viewers for run in runs] == [0, 3]
    assert all(run.schedule_s > 0 for run in runs)
