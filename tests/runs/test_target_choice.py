"""Which target a run in mode auto plays on: the one that speculates only where that is known to be no loss."""

from pathlib import Path

import pytest

from lr_demo.config import Mode, Profile, RunSettings, VerifierKind, parse_profile
from lr_demo.errors import ServingError
from lr_demo.prediction import Costs, Pace
from lr_demo.runs.manager import RunManager
from lr_demo.runs.probes import ProbeRecord
from lr_demo.runs.race import RunPhase
from lr_demo.runs.reasons import judge_for
from lr_demo.runs.replicas import share_out
from lr_demo.runs.roles import Casting, server_names
from lr_demo.serving.endpoint import Endpoint
from tests.runs.simulated_profile import DRAFTED, REPLICAS
from tests.runs.test_forecasts import probe_of
from tests.runs.watching import wait

AUTO = RunSettings(mode=Mode.AUTO)
NGRAMS = parse_profile(REPLICAS, "replicas.yaml")
ALSO_NGRAMS = parse_profile(DRAFTED, "drafted.yaml")
DRAFTED_ONLY = parse_profile(DRAFTED.replace("method: drafted", "method: drafted, ngram_tokens: 0"), "drafted.yaml")
ONE_SERVER = parse_profile(
    DRAFTED.replace("roles: {target: target,", "roles: {target: speculative,"), "one-server.yaml"
)


def probed(profile: Profile, pass_of_speculative: float, draft_s: float = 0.01) -> ProbeRecord:
    speculation = getattr(profile.servers["speculative"], "speculation", None)
    costs = Costs(
        Pace(((1, 0.1), (2, 0.2), (4, 0.4))),
        Pace(((1, draft_s),)),
        verdict_s=0.1,
        speculative=Pace(((1, 0.1 * pass_of_speculative), (4, 0.4 * pass_of_speculative))),
    )
    found = probe_of(profile, proposals=getattr(speculation, "tokens", 0))
    return found.model_copy(update={"simulated": False, "costs": costs, "drafted": profile.takes_drafted_steps})


def casting(profile: Profile, probe: ProbeRecord | None = None) -> Casting:
    def no_endpoint(server: str) -> Endpoint:
        raise ServingError(server)

    return Casting(profile, no_endpoint, lambda _: None, lambda: None, lambda: probe)


def target(casting: Casting, profile: Profile, settings: RunSettings = AUTO) -> str:
    return server_names(profile, casting.played(settings).settings)["target"]


@pytest.mark.parametrize("profile", [NGRAMS, DRAFTED_ONLY], ids=lambda profile: profile.name)
def test_with_nothing_known_the_plain_target_plays_and_the_reason_is_told(profile: Profile) -> None:
    made = casting(profile)
    assert target(made, profile) == "target"
    assert "cannot lose" in made.played(AUTO).reason


@pytest.mark.parametrize(("other", "plays"), [(Mode.SPECULATIVE, "speculative"), (Mode.LOOKAHEAD, "target")])
def test_the_target_plays_on_which_runs_were_faster(other: Mode, plays: str) -> None:
    made = casting(NGRAMS)
    for mode, seconds in {Mode.AUTOREGRESSIVE: 10.0, Mode.LOOKAHEAD: 9.0, Mode.SPECULATIVE: 9.0, other: 6.0}.items():
        played = made.played(RunSettings(mode=mode)).settings
        made.learn(mode, played, 1000, seconds)
    assert target(made, NGRAMS) == plays
    assert "tokens/s" in made.played(AUTO).reason


def test_what_another_verifier_let_pass_counts_for_nothing() -> None:
    made = casting(NGRAMS)
    random = RunSettings(mode=Mode.LOOKAHEAD_SPECULATIVE, verifier=VerifierKind.RANDOM)
    made.learn(Mode.AUTOREGRESSIVE, RunSettings(mode=Mode.AUTOREGRESSIVE), 1000, 10.0)
    made.learn(random.mode, random, 1000, 1.0)
    assert target(made, NGRAMS) == "target"
    assert target(made, NGRAMS, AUTO.model_copy(update={"verifier": VerifierKind.RANDOM})) == "speculative"


@pytest.mark.parametrize(
    ("profile", "pass_of_speculative", "draft_s", "plays"),
    [
        (DRAFTED_ONLY, 1.4, 0.01, "speculative"),  # what does not pay is switched off
        (DRAFTED_ONLY, 1.4, 0.2, "target"),  # a draft that slow gains nothing
        (ALSO_NGRAMS, 1.4, 0.01, "target"),  # n-grams are proposed all the same, and are wrong for some prompts
        (NGRAMS, 1.02, 0.01, "speculative"),
        (NGRAMS, 1.4, 0.01, "target"),
    ],
)
def test_a_probe_predicts_what_the_other_target_gains(
    profile: Profile, pass_of_speculative: float, draft_s: float, plays: str
) -> None:
    made = casting(profile, probed(profile, pass_of_speculative, draft_s))
    assert target(made, profile) == plays


def test_where_the_plain_target_speculates_too_only_the_proposals_are_chosen() -> None:
    made = casting(ONE_SERVER)
    assert target(made, ONE_SERVER) == "speculative"
    cast = made.cast(AUTO)
    assert (cast.takes_drafted, cast.reason) == (True, "")
    assert not made.cast(RunSettings(mode=Mode.AUTOREGRESSIVE)).takes_drafted


def test_a_run_in_mode_auto_is_never_measured_beside_one_that_it_may_disturb() -> None:
    modes = [Mode.AUTOREGRESSIVE, Mode.SPECULATIVE, Mode.AUTO]
    assert share_out(NGRAMS, [AUTO.model_copy(update={"mode": mode}) for mode in modes]) == [[0, 1], [2]]


@pytest.mark.realtime
def test_after_faster_runs_with_proposals_auto_plays_there_and_its_baseline_stays_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))
    with RunManager(NGRAMS, tmp_path / "traces", hardware="a test machine") as manager:
        wait(manager.start("two and two", in_mode(Mode.SPECULATIVE)).run)
        race = manager.start("two and two", in_mode(Mode.AUTO), remeasure=True)
        wait(race.run)
    assert race.run.started is not None
    assert race.baseline is not None
    assert race.baseline.started is not None
    assert race.run.started.servers["target"] == "speculative"
    assert race.run.started.mode == Mode.AUTO
    assert race.baseline.started.servers == {"target": "target"}
    assert judge_for(NGRAMS, race.run), "its own judge can be asked, whichever target it played on"
    first = race.run.state().chosen[0]
    assert (first.step, first.speculates) == (0, True)
    assert "tokens/s" in first.sentence


@pytest.mark.realtime
def test_a_choice_that_fails_ends_the_run_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ServingError("the probes cannot be read")

    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Casting, "played", broken)
    with RunManager(NGRAMS, tmp_path / "traces", hardware="a test machine") as manager:
        race = manager.start("two and two", in_mode(Mode.AUTO), baseline=False)
        wait(race.run)
    assert race.run.phase is RunPhase.FAILED
    assert "cannot be read" in race.summary().reason


def in_mode(mode: Mode) -> RunSettings:
    return RunSettings(mode=mode, verifier=VerifierKind.EXACT)
