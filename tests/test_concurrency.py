"""Many runs at once: what lookahead brings under each batch cost, how it fades out, and what the benchmark says."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from lr_demo.benchmark.concurrency import app
from lr_demo.benchmark.concurrency_figures import Level, Origin, Ran, figures, over_plain
from lr_demo.benchmark.concurrent_runs import PROMPTS, Curve, simulate, simulated_run, with_curve
from lr_demo.benchmark.problems import read_lines
from lr_demo.benchmark.schemes import SETTINGS, Scheme
from lr_demo.cli.program import run_program
from lr_demo.config import (
    DraftedSpeculation,
    Drafting,
    RoleMap,
    RunSettings,
    Schedule,
    SimulatedServer,
    Simulation,
    load_profile,
    parse_settings,
)
from lr_demo.models.protocol import Chunk, GenerationRequest, LanguageModel
from lr_demo.models.simulated import SimulatedModel
from lr_demo.models.story import Voice
from lr_demo.models.virtual_time import run_virtual
from lr_demo.proposals.index import Accompanied
from tests.runs.simulated_profile import TEXT

ORIGIN = Origin(profile="simulated", simulated=True, curve="", hardware="no model", date="2026-01-01")


def level(curve: Curve, scheme: Scheme, runs: int, **given: object) -> Level:
    """One level on the shipped simulated profile with short answers, two for each of those at once."""
    settings = parse_settings(RunSettings(seed=1), {**given, **SETTINGS[scheme]})
    profile = load_profile("simulated").model_copy(update={"simulation": Simulation(steps=14)})
    return figures(ORIGIN, scheme, settings, simulate(with_curve(profile, curve), settings, runs))


def gain(curve: Curve, scheme: Scheme, runs: int, **given: object) -> float:
    """Throughput over that of as many runs that decode plainly."""
    chosen, plain = level(curve, scheme, runs, **given), level(curve, Scheme.AR, runs, **given)
    ratio = over_plain(chosen, [plain])
    assert ratio is not None
    return ratio


@pytest.mark.parametrize("scheme", [Scheme.LR_JUDGE, Scheme.LR_SD_NGRAM])
def test_where_a_batch_costs_nothing_lookahead_keeps_its_gain_until_the_budget_is_used_up(scheme: Scheme) -> None:
    alone = gain(Curve.FLAT, scheme, 1, lookahead=3, parallel_budget=12)
    assert alone > 1.3
    for runs in (2, 4):
        assert gain(Curve.FLAT, scheme, runs, lookahead=3, parallel_budget=12) > 0.93 * alone


@pytest.mark.parametrize("runs", [1, 3, 8])
@pytest.mark.parametrize("curve", [Curve.LINEAR, Curve.CPU, Curve.GENTLE])
def test_lookahead_never_costs_more_than_a_twentieth_of_plain_throughput(curve: Curve, runs: int) -> None:
    assert gain(curve, Scheme.LR_JUDGE, runs, lookahead=3, parallel_budget=16) > 0.95


def test_as_runs_become_many_lookahead_fades_out_by_itself() -> None:
    shares = [level(Curve.CPU, Scheme.LR_JUDGE, runs, parallel_budget=16).compared or 0.0 for runs in (1, 4, 16)]
    assert shares[0] > 0.8
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] < 0.1


@pytest.mark.parametrize("scheme", [Scheme.SD_DRAFTED, Scheme.AUTO])
def test_a_draft_that_its_target_waits_for_is_asked_for_a_run_alone(
    scheme: Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several runs each would wait for the drafts of all, and for the draft that reads their prompts."""
    beside: list[int] = []
    accompany = SimulatedModel.accompany

    def noted(model: SimulatedModel, sequence: Accompanied, draft: LanguageModel | None) -> None:
        if draft is not None:
            beside.append(model.in_flight)
        accompany(model, sequence, draft)

    monkeypatch.setattr(SimulatedModel, "accompany", noted)
    ran = three_on_the_same_cores(scheme)
    assert all(run.state.finished for run in ran)
    assert set(beside) == {1}


@pytest.mark.parametrize("scheme", [Scheme.LR_JUDGE, Scheme.LR_SD_DRAFTED])
def test_in_rounds_it_writes_for_a_run_alone(scheme: Scheme, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside others it would take their cores, and lookahead would lose them more than it gains one."""
    began: list[float] = []
    generate = SimulatedModel.generate

    def noted(model: SimulatedModel, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        if model.voice is Voice.DRAFT:
            began.append(asyncio.get_running_loop().time())
        return generate(model, request)

    monkeypatch.setattr(SimulatedModel, "generate", noted)
    ran = three_on_the_same_cores(scheme, schedule=Schedule.SYNC)
    ends = sorted(run.ended_s for run in ran)
    assert began
    assert min(began) >= ends[-2]


def three_on_the_same_cores(scheme: Scheme, **given: object) -> list[Ran]:
    """Three runs at once, of which one is left in the end, on a target that has its draft on the same cores."""
    between = DraftedSpeculation(method="drafted", drafting=Drafting.BETWEEN)
    profile = load_profile("simulated")
    servers = {
        "target": SimulatedServer(engine="simulated", ms_per_token=26, batch_growth=1, speculation=between),
        "draft": SimulatedServer(engine="simulated", ms_per_token=2.5),
    }
    roles = RoleMap(target="target", speculative_target="target", draft="draft", judge="target")
    profile = profile.model_copy(update={"servers": servers, "roles": roles, "simulation": Simulation(steps=14)})
    settings = parse_settings(RunSettings(seed=1), {**given, **SETTINGS[scheme]})
    run = simulated_run(profile, settings)

    async def all_three() -> list[Ran]:
        plans = [settings.model_copy(update={"max_tokens": most}) for most in (150, 150, 1000)]
        return await asyncio.gather(*(run(prompt, plan) for prompt, plan in zip(PROMPTS, plans, strict=False)))

    return run_virtual(all_three())


def test_more_runs_than_places_take_turns() -> None:
    crowded = level(Curve.FLAT, Scheme.AR, 8, parallel_budget=4)
    half = level(Curve.FLAT, Scheme.AR, 4, parallel_budget=4)
    assert crowded.unfinished == 0
    assert crowded.tokens_per_s == pytest.approx(half.tokens_per_s, rel=0.1)


@pytest.fixture
def profile(tmp_path: Path) -> str:
    file = tmp_path / "quick.yaml"
    file.write_text(TEXT)
    return str(file)


def test_the_benchmark_prints_a_table_keeps_rows_and_draws_a_chart_that_says_it_is_simulated(
    profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, chart = tmp_path / "rows.jsonl", tmp_path / "chart.html"
    files = ["--rows", str(rows), "--chart", str(chart)]
    assert run_program(["--profile", profile, "--runs", "1,3", "--scheme", "ar,lr-judge", *files], app) == 0
    levels = read_lines(rows, Level)
    assert [(each.scheme, each.runs) for each in levels] == [
        (Scheme.AR, 1),
        (Scheme.AR, 3),
        (Scheme.LR_JUDGE, 1),
        (Scheme.LR_JUDGE, 3),
    ]
    assert all(each.unfinished == 0 and each.origin.simulated for each in levels)
    assert json.loads(rows.read_text().splitlines()[0])["origin"]["profile"] == "simulated-quick"
    shown = " ".join(capsys.readouterr().out.split())
    assert "simulated" in shown
    assert "lr-judge" in shown
    page = chart.read_text()
    assert "simulated, batch cost profile" in page
    assert "<script src=" not in page


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--runs", "1,none"), "--runs 1,none: write whole numbers from 1 to 256 with commas"),
        (("--runs", "0"), "--runs 0"),
        (("--scheme", "ar,magic"), "--scheme ar,magic: the schemes are ar,"),
        (("--profile", "laptop", "--curve", "flat"), "--curve flat is for simulated models"),
        (("--scheme", "sd-ngram"), "lacks a target server with token-level speculation"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(
    profile: str, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], complaint: str
) -> None:
    assert run_program(["--profile", profile, *options], app) == 2
    assert complaint in " ".join(capsys.readouterr().err.split())
