"""Recorded text: written again as it was, filled in by the rule where it lacks something, and labelled either way."""

import pytest

from lr_demo.config import Mode, VerifierKind
from lr_demo.errors import TraceError
from lr_demo.events import Event, Outcome, Role, RunStarted, StepFinished, Verdict
from lr_demo.models.recorded import RecordedText
from lr_demo.models.story import SeededStory, Voice
from lr_demo.run_state import StepKey, fold
from lr_demo.runs.recordings import ASSETS, Recording, recordings
from lr_demo.runs.traces import read_trace
from tests.decoding.scene import Scene
from tests.replaying import EGGS, PROFILE, replay, settings

LOOKAHEAD = settings(Mode.LOOKAHEAD, lookahead=4)
each_recording = pytest.mark.parametrize("recording", recordings(), ids=lambda each: each.title)


@each_recording
@pytest.mark.parametrize("mode", [Mode.LOOKAHEAD, Mode.LOOKAHEAD_SPECULATIVE])
@pytest.mark.parametrize("gamma", [1, 3, 8])
def test_the_recorded_answer_comes_out_whatever_the_lookahead(recording: Recording, mode: Mode, gamma: int) -> None:
    again = replay(settings(mode, lookahead=gamma, verifier=VerifierKind.JUDGE), recording.text)
    late = any(step.outcome is Outcome.TARGET for step in again.state.answer)
    assert len(again.state.answer) == len(recording.text.answer)
    for step, both in zip(again.state.answer, recording.text.answer, strict=True):
        assert again.state.steps[step.key].text in {each.text for each in both.values()}
    told = {StepKey(e.position, e.role, e.alternative): e.origin for e in again.events if isinstance(e, StepFinished)}
    before = ""
    for step in again.state.answer:
        line = recording.text.next_line(before, Voice.TARGET if step.key.role is Role.TARGET else Voice.DRAFT)
        assert line is not None
        assert told[step.key] == line.origin
        before += again.state.steps[step.key].text
    origins = [event.origin or "" for event in again.events if isinstance(event, StepFinished)]
    assert all(origin == "recorded" or origin.startswith("filled in: step ") for origin in origins)
    assert late or origins.count("recorded") > len(origins) / 2


def test_steps_verdicts_and_their_probabilities_are_those_of_the_recording() -> None:
    recorded = read_trace(ASSETS / "lessons" / "cascade.jsonl")
    again = replay(LOOKAHEAD)
    said = {(event.accepted, event.score) for event in recorded if isinstance(event, Verdict)}
    asked = {(each.accepted, each.score) for each in again.state.verdicts if each.score is not None}
    assert asked
    assert asked <= said
    assert [step.outcome for step in again.state.answer].count(Outcome.CORRECTED) == 2
    texts = [again.state.steps[step.key].text for step in again.state.answer]
    final = EGGS.answer[-1][Voice.DRAFT].text
    assert texts[-1] == final
    assert all(verdict.latency_s in (0.0, pytest.approx(0.02)) for verdict in again.state.verdicts)


def test_tokens_are_counted_as_they_were_recorded() -> None:
    plain = read_trace(ASSETS / "lessons" / "cascade.alone.jsonl")
    lengths = [len(event.token_ids) for event in plain if isinstance(event, StepFinished)]
    again = replay(settings(Mode.AUTOREGRESSIVE))
    assert [step.tokens for step in again.state.answer] == lengths
    assert again.state.text() == "".join(event.text for event in plain if isinstance(event, StepFinished))


def test_a_stricter_threshold_rejects_what_was_less_sure() -> None:
    strict = replay(LOOKAHEAD.model_copy(update={"threshold": 0.9}))
    loose = replay(LOOKAHEAD)
    accepted = [[step.outcome for step in run.state.answer].count(Outcome.ACCEPTED) for run in (strict, loose)]
    assert accepted[0] < accepted[1]


def test_an_acceptance_that_was_set_draws_the_verdicts_and_says_so() -> None:
    never = PROFILE.with_costs({"acceptance": 0.0}, PROFILE.defaults)
    asked = [v for v in replay(LOOKAHEAD, profile=never).state.verdicts if v.method == "judge"]
    assert asked
    assert not any(verdict.accepted for verdict in asked)
    assert any("drawn at the acceptance that was set, 0; recorded: accepted" in verdict.reason for verdict in asked)


def test_after_a_text_that_the_recording_does_not_have_the_step_of_that_number_stands_in() -> None:
    line = EGGS.next_line("Something else.\n\nAnd this.\n\n", Voice.DRAFT)
    assert line is not None
    assert line.step == EGGS.answer[2][Voice.DRAFT]
    assert line.origin.startswith("filled in: step 3 of the recorded answer")
    assert EGGS.next_line("x\n\n" * len(EGGS.answer), Voice.TARGET) is None


def test_what_is_begun_is_gone_on_with_at_its_next_token() -> None:
    step = EGGS.answer[0][Voice.TARGET]
    begun = "".join(step.pieces[:5])
    rest = EGGS.next_line(begun, Voice.TARGET)
    assert rest is not None
    assert rest.step.pieces == step.pieces[5:]
    longer = EGGS.next_line("y" * 5000, Voice.TARGET)
    assert longer is not None
    assert longer.step.text == "\n\n"


def test_a_step_cut_by_the_cap_is_gone_on_with() -> None:
    again = replay(settings(Mode.AUTOREGRESSIVE, max_tokens=50))
    assert sum(step.tokens for step in again.state.answer) == 50
    capped = replay(LOOKAHEAD.model_copy(update={"step_cap": 16}))
    assert capped.state.answer
    assert all(step.tokens <= 16 for step in capped.state.answer)


def test_a_recording_that_lacks_one_side_of_a_step_is_refused() -> None:
    lessons = ASSETS / "lessons"
    with pytest.raises(TraceError, match="step 3: draft or target is missing there"):
        RecordedText.of(read_trace(lessons / "slow-draft.jsonl"), read_trace(lessons / "slow-draft.alone.jsonl"))
    with pytest.raises(TraceError, match="are not of one prompt"):
        RecordedText.of(read_trace(lessons / "cascade.jsonl"), read_trace(lessons / "drift.alone.jsonl"))


def test_every_mode_that_is_offered_runs_to_the_end_of_the_answer() -> None:
    for mode in (Mode.AUTO, Mode.SPECULATIVE):
        state = replay(settings(mode)).state
        assert state.steps[StepKey(*state.answer[-1].key)].finish == "end_of_sequence"


def test_a_step_that_the_target_began_behind_its_own_is_found_behind_that() -> None:
    story = SeededStory(10, 20, acceptance=0.5, identical=0.0, seed=3)
    scene = Scene(story, verdict_s=0.05)
    run, alone = (as_recorded(scene, mode) for mode in (Mode.LOOKAHEAD, Mode.AUTOREGRESSIVE))
    state = fold(run)
    assert any(state.positions[step.key.position].parent_role is Role.TARGET for step in state.answer)
    text = RecordedText.of(run, alone)
    before = ""
    for step in state.answer:
        line = text.next_line(before, Voice.TARGET if step.key.role is Role.TARGET else Voice.DRAFT)
        assert line is not None
        assert (line.step.text, line.origin) == (state.steps[step.key].text, "recorded")
        before += line.step.text


def as_recorded(scene: Scene, mode: Mode) -> list[Event]:
    """The events of a run as a trace has them."""
    plan = settings(mode, lookahead=3)
    started = RunStarted(
        prompt="How many?", mode=mode, profile="", settings={}, models={"target": "one"}, started_at="2026-11-29"
    )
    return [started, *scene.run(plan).events]
