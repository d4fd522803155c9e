"""The speeds of the profile `h100-simulated`: as they are stated, and as the cost model and theory expect them."""

from dataclasses import replace
from pathlib import Path

import pytest

from lr_demo.config import Mode, Profile, load_profile, parse_profile
from lr_demo.cost_sheet import told
from lr_demo.errors import ConfigError
from lr_demo.prediction import Choice, Costs, Workload, predict
from lr_demo.runs.recordings import Recording, recordings
from lr_demo.theory import Layer, lookahead, speculative
from tests.replaying import PROFILE, replay, settings

STATED = 1000 / 13.1
FREE = dict.fromkeys(
    ("target_growth", "draft_growth", "verdict_ms", "request_ms", "target_read_ms", "draft_read_ms"), 0.0
)
STEPS, SEEDS = 150, range(3)


def long_text(profile: Profile, steps: int) -> Profile:
    """The profile with a longer invented text."""
    return profile.model_copy(update={"simulation": profile.simulation.model_copy(update={"steps": steps})})


def speed(profile: Profile, mode: Mode, **given: object) -> float:
    """Tokens per second over some invented texts."""
    runs = [replay(settings(mode, seed=seed, **given), None, profile) for seed in SEEDS]
    tokens = sum(step.tokens for run in runs for step in run.state.answer)
    return tokens / sum(run.seconds for run in runs)


def stated(profile: Profile) -> tuple[Costs, Workload]:
    """What the cost model is told of the invented text: as the sheet has it, but for what that text cannot do."""
    assert profile.simulation.costs is not None
    costs, work = told(profile.simulation.costs)
    plan = profile.simulation
    uniform = replace(work, spread=plan.spread / 3**0.5, correlation=plan.acceptance * plan.identical, likeness=1.0)
    return costs, replace(uniform, answer_tokens=plan.steps * plan.tokens_per_step)


@pytest.mark.parametrize("recording", recordings(), ids=lambda each: each.title)
def test_plain_decoding_of_every_recording_has_the_stated_speed(recording: Recording) -> None:
    found = replay(settings(Mode.AUTOREGRESSIVE), recording.text)
    assert found.tokens_per_s == pytest.approx(STATED, rel=0.01)
    assert round(STATED) == 76


@pytest.mark.parametrize(
    ("mode", "figures", "within"),
    [
        (Mode.SPECULATIVE, {}, 0.05),
        (Mode.LOOKAHEAD, {}, 0.05),
        (Mode.LOOKAHEAD_SPECULATIVE, {}, 0.05),
        (Mode.LOOKAHEAD, {"draft_ms": 6.0, "acceptance": 0.7}, 0.05),
        # Where batches are dear, as far as the cost model is held to elsewhere.
        (Mode.LOOKAHEAD_SPECULATIVE, {"target_growth": 0.15, "token_acceptance": 0.6}, 0.1),
    ],
    ids=["SD", "LR", "LR+SD", "LR, slow draft", "LR+SD, dear batch"],
)
def test_every_speedup_is_what_the_cost_model_expects(mode: Mode, figures: dict[str, float], within: float) -> None:
    profile = long_text(PROFILE.with_costs(figures, PROFILE.defaults), STEPS)
    expected = predict(*stated(profile), Choice.of(settings(mode), 8)).tokens_per_s
    assert speed(profile, mode) == pytest.approx(expected, rel=within)


def test_where_only_acceptance_and_pace_count_the_speedups_are_the_theory_s() -> None:
    even = {**FREE, "step_spread": 0.0, "identical": 0.0, "acceptance": 0.6, "token_acceptance": 0.7}
    profile = long_text(PROFILE.with_costs(even, PROFILE.defaults), STEPS)

    def speedup(mode: Mode, **given: object) -> float:
        return speed(profile, mode, **given) / STATED

    assert speedup(Mode.SPECULATIVE) == pytest.approx(speculative(Layer(0.7, 1e-12), 9), rel=0.05)
    steps = Layer(0.6, 2.5 / 13.1)
    least, most = lookahead(steps, 5), lookahead(steps, 6)
    assert least * 0.95 < speedup(Mode.LOOKAHEAD, lookahead=5) < most * 1.05


def test_an_edited_cost_is_kept_and_named_until_it_is_the_sheet_s_again() -> None:
    faster = PROFILE.with_costs({"target_ms": 5.0}, PROFILE.defaults)
    assert replay(settings(Mode.AUTOREGRESSIVE), profile=faster).tokens_per_s == pytest.approx(200, rel=0.03)
    costs = faster.with_costs({"draft_ms": 1.0}, PROFILE.defaults).simulation.costs
    assert costs is not None
    assert costs.edited == ("target_ms", "draft_ms")
    assert costs.in_words.endswith("GSM8K, edited: target_ms 5, draft_ms 1")
    again = faster.with_costs({"target_ms": 13.1}, PROFILE.defaults).simulation.costs
    assert again == PROFILE.simulation.costs


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"draft_ms": 0.0}, "draft_ms = 0.0: Input should be greater than 0"),
        ({"acceptance": 1.5}, r"acceptance = 1.5: Input should be less than or equal to 1"),
        ({"verdict_ms": float("nan")}, "verdict_ms = nan: Input should be"),
        ({"luck": 1.0}, "luck = 1.0: Extra inputs are not permitted"),
    ],
)
def test_a_cost_that_cannot_be_is_refused_by_name(figures: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PROFILE.with_costs(figures, PROFILE.defaults)


def test_other_profiles_have_no_costs_to_change() -> None:
    with pytest.raises(ConfigError, match="profile simulated has no simulated costs"):
        load_profile("simulated").with_costs({}, PROFILE.defaults)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sheet: h100", "sheet: h900", r"key simulation\.costs: the cost sheet .*h900\.yaml cannot be read"),
        ("workload: GSM8K", "workload: Sudoku", r"key simulation\.costs: .*no workload 'Sudoku': choose one of AIME24"),
        ("    # target_ms: 10.0", "    target_ms: fast", r"line \d+, key simulation\.costs\.target_ms: .*number"),
        ("  costs:\n    sheet: h100  #", "  # costs:\n    # sheet: h100  #", r"server 'target' does not say its ms_"),
    ],
)
def test_a_mistake_in_the_costs_is_named_by_file_and_key(old: str, new: str, message: str) -> None:
    text = Path("configs/h100-simulated.yaml").read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new)
    if "# costs" in new:
        text = text.replace("    workload: GSM8K", "    # workload: GSM8K")
    with pytest.raises(ConfigError, match=message):
        parse_profile(text, "mine.yaml")
