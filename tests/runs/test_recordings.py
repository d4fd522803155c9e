"""The profile of recorded text in the application: what it shows and refuses, and what its runs say of themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lr_demo.config import Mode, RunSettings, VerifierKind, load_profile
from lr_demo.errors import ConfigError
from lr_demo.runs.forecasts import race_forecast
from lr_demo.runs.manager import RunManager
from lr_demo.runs.probes import ProbeStore
from lr_demo.runs.race import RunPhase
from lr_demo.runs.recordings import INVENTED, recordings, simulation_in_words
from tests.runs.watching import wait

FAST = {"target_ms": 0.4, "draft_ms": 0.1, "verdict_ms": 0.5, "request_ms": 0.1}
EGGS = recordings()[0].text


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    shipped = load_profile("h100-simulated")
    with RunManager(shipped.with_costs(FAST, shipped.defaults), tmp_path / "traces", hardware="a laptop") as manager:
        yield manager


def test_a_run_names_its_cost_model_and_where_its_text_was_recorded(manager: RunManager) -> None:
    race = manager.start(f"  {EGGS.prompt}\n", manager.profile.defaults)
    assert wait(race.run) is RunPhase.FINISHED
    started = race.run.started
    assert started is not None
    assert started.simulated
    assert started.simulation.startswith("Costs: Qwen3-32B with Qwen3-1.7B on H100s, GSM8K, edited: target_ms 0.4")
    assert started.simulation.endswith("recorded 2026-11-22 on AMD EPYC, 2 cores, 24 GiB.")
    assert race.summary().simulation == started.simulation
    assert race.at_once
    assert race.summary().final_answer == "18"


def test_an_edited_cost_makes_another_baseline(manager: RunManager) -> None:
    first = manager.start(EGGS.prompt, manager.profile.defaults)
    assert {wait(handle) for handle in first.handles} == {RunPhase.FINISHED}
    assert manager.find_baseline(EGGS.prompt, manager.profile.defaults) is first.baseline
    manager.switch_profile(manager.profile.with_costs({"target_ms": 0.5}, manager.profile.defaults))
    assert manager.find_baseline(EGGS.prompt, manager.profile.defaults) is None


@pytest.mark.parametrize(
    ("prompt", "settings", "message"),
    [
        ("two and two", RunSettings(), "no model that could solve this.*Duck eggs, Bolts.*Example problems"),
        (EGGS.prompt, RunSettings(width=2), "width 2: the recorded problems were drafted once"),
        (EGGS.prompt, RunSettings(mode=Mode.SPECREASON), "lacks scores of the target"),
        (EGGS.prompt, RunSettings(verifier=VerifierKind.CASCADE), "lacks an embedding model"),
    ],
)
def test_what_was_not_recorded_is_refused_in_words(
    manager: RunManager, prompt: str, settings: RunSettings, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        manager.start(prompt, settings)


def test_invented_text_is_there_for_who_asks_for_it_and_is_labelled(manager: RunManager) -> None:
    race = manager.start(INVENTED, manager.profile.defaults.model_copy(update={"width": 2}), baseline=False)
    assert wait(race.run) is RunPhase.FINISHED
    assert race.run.started is not None
    assert race.run.started.simulation.endswith("Text: invented.")
    assert simulation_in_words(load_profile("simulated"), "anything") == ""


def test_what_is_expected_of_a_run_follows_from_the_stated_costs_without_a_probe(
    manager: RunManager, tmp_path: Path
) -> None:
    race = manager.start(EGGS.prompt, manager.profile.defaults)
    assert wait(race.run) is RunPhase.FINISHED
    forecast = race_forecast(race, manager.profile, manager.hardware, ProbeStore(tmp_path / "none"), manager.store)
    assert forecast is not None
    assert forecast.expected.speedup > 1
    assert forecast.probe.measured_at == ""
