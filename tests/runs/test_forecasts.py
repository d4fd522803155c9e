"""A run's forecast: from the probe of its profile on this machine, and from nothing else."""

from pathlib import Path

import pytest

from lr_demo.config import Mode, Profile, parse_profile
from lr_demo.prediction import Costs, Pace
from lr_demo.runs.forecasts import Forecast, race_forecast
from lr_demo.runs.manager import RunManager
from lr_demo.runs.probes import ProbeRecord, ProbeStore, probe_fingerprint, proposals_of
from tests.decoding.scene import Scene
from tests.runs.simulated_profile import TEXT, replicated_profile
from tests.runs.test_workloads import MODELS, STORY
from tests.ui.recorded import LOOKAHEAD, record

PROFILE = parse_profile(TEXT, "quick.yaml")
MACHINE = "a test machine"
SCENE = Scene(STORY)


def probe_of(profile: Profile, hardware: str = MACHINE, proposals: int = 0) -> ProbeRecord:
    """What a probe of the scene's models finds."""
    return ProbeRecord(
        profile=profile.name,
        fingerprint=probe_fingerprint(profile),
        hardware=hardware,
        measured_at="2026-11-21T10:00:00+00:00",
        seconds=30,
        simulated=True,
        verifier="judge",
        costs=Costs(Pace(((1, SCENE.target_s),)), Pace(((1, SCENE.draft_s),)), SCENE.verdict_s),
        proposals=proposals,
    )


@pytest.fixture
def probes(tmp_path: Path) -> ProbeStore:
    return ProbeStore(tmp_path / "probes")


def forecast(tmp_path: Path, probes: ProbeStore, run: str, profile: Profile = PROFILE) -> Forecast | None:
    manager = RunManager(profile, tmp_path, hardware=MACHINE)
    return race_forecast(manager.race(run), profile, MACHINE, probes, manager.store)


def test_a_finished_run_is_told_what_was_expected_and_what_its_own_acceptance_would_have_given(
    tmp_path: Path, probes: ProbeStore
) -> None:
    probes.keep(PROFILE, probe_of(PROFILE))
    events = record(tmp_path, "first1", story=STORY, models=MODELS, profile=PROFILE.name)
    found = forecast(tmp_path, probes, "first1")
    assert found is not None
    assert found.acceptance_source.startswith("assumed")
    assert found.hindsight is not None
    tokens = sum(event.tokens for event in events if event.type == "step_committed")
    assert found.hindsight == pytest.approx(tokens / events[-1].t, rel=0.1)
    assert found.expected.speedup == pytest.approx(found.expected.prediction.tokens_per_s * SCENE.target_s)
    record(tmp_path, "second1", story=STORY, models=MODELS, profile=PROFILE.name)
    again = forecast(tmp_path, probes, "second1")
    assert again is not None
    assert again.acceptance_source.startswith("recorded in 1 run")
    assert again.expected.prediction.tokens_per_s == pytest.approx(tokens / events[-1].t, rel=0.1)


@pytest.mark.parametrize("mode", [Mode.SPECREASON, Mode.SPECULATIVE])
def test_what_was_not_probed_is_not_predicted(tmp_path: Path, probes: ProbeStore, mode: Mode) -> None:
    probes.keep(PROFILE, probe_of(PROFILE))
    plan = LOOKAHEAD.model_copy(update={"mode": Mode.AUTOREGRESSIVE})
    events = record(tmp_path, "plain1", settings=plan, models=MODELS, profile=PROFILE.name)
    assert events
    manager = RunManager(PROFILE, tmp_path, hardware=MACHINE)
    race = manager.race("plain1")
    race.run.settings = race.run.settings.model_copy(update={"mode": mode})
    assert race_forecast(race, PROFILE, MACHINE, probes, manager.store) is None


def test_a_probe_of_other_servers_or_another_machine_is_none(tmp_path: Path, probes: ProbeStore) -> None:
    record(tmp_path, "first1", story=STORY, models=MODELS, profile=PROFILE.name)
    assert forecast(tmp_path, probes, "first1") is None
    slower = parse_profile(TEXT.replace("ms_per_token: 1.0", "ms_per_token: 2.0"), "slower.yaml")
    probes.keep(slower, probe_of(slower))
    probes.keep(PROFILE, probe_of(PROFILE, "another machine"))
    assert forecast(tmp_path, probes, "first1") is None
    path = probes.keep(PROFILE, probe_of(PROFILE))
    assert forecast(tmp_path, probes, "first1") is not None
    path.write_text("{damaged")
    assert forecast(tmp_path, probes, "first1") is None


def test_proposals_are_those_of_the_speculative_target() -> None:
    assert proposals_of(replicated_profile(), LOOKAHEAD) == (4, False)
    assert proposals_of(PROFILE, LOOKAHEAD) == (0, False)
