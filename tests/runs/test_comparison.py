"""Runs side by side: steps of the same number, and what the logs say of each pair."""

from pathlib import Path

from lr_demo.config import Mode
from lr_demo.models.story import ScriptedStory
from lr_demo.run_state import RunState, fold
from lr_demo.runs.comparison import Relation, aligned
from tests.ui.recorded import LOOKAHEAD, record

TARGET = ["Six beds.\n\n", "So 84 plants.\n\n", "75 are left.\n\n", "End."]
DRAFT = ["Six  beds.\n\n", "That makes 84.\n\n", "74 are left.\n\n", "End."]
PLAIN = LOOKAHEAD.model_copy(update={"mode": Mode.AUTOREGRESSIVE})


def run(folder: Path, name: str, story: ScriptedStory, mode: Mode = Mode.LOOKAHEAD) -> RunState:
    return fold(record(folder, name, story=story, settings=LOOKAHEAD.model_copy(update={"mode": mode})))


def relations(*states: RunState) -> list[list[Relation | None]]:
    return [[step.relation if step else None for step in row] for row in aligned(states)]


def test_each_step_is_held_against_the_first_run_s_step_of_the_same_number(tmp_path: Path) -> None:
    plain = run(tmp_path, "plain1", ScriptedStory(TARGET, DRAFT), Mode.AUTOREGRESSIVE)
    ahead = run(tmp_path, "ahead1", ScriptedStory(TARGET, DRAFT))
    other = [*TARGET[:2], "76 are left.\n\n", "End."]
    third = run(tmp_path, "third1", ScriptedStory(other, other), Mode.AUTOREGRESSIVE)
    rows = aligned([plain, ahead, third])
    equal, same, different = Relation.EQUAL, Relation.SAME_MEANING, Relation.DIFFERENT
    assert relations(plain, ahead, third) == [
        [None, equal, equal],
        [None, same, equal],
        [None, equal, different],
        [None, equal, equal],
    ]
    assert [step.note for step in rows[1] if step] == ["", "said the judge verifier 1.00", ""]
    assert [step.note for step in rows[2] if step] == ["", "", "last number 76, not 75"]


def test_the_verdict_of_either_run_counts(tmp_path: Path) -> None:
    ahead = run(tmp_path, "ahead1", ScriptedStory(TARGET, DRAFT))
    plain = run(tmp_path, "plain1", ScriptedStory(TARGET, DRAFT), Mode.AUTOREGRESSIVE)
    assert relations(ahead, plain)[1] == [None, Relation.SAME_MEANING]


def test_a_pair_that_a_verifier_rejected_is_different_and_says_so(tmp_path: Path) -> None:
    ahead = run(tmp_path, "ahead1", ScriptedStory(TARGET, DRAFT))
    drafts = run(tmp_path, "drafts1", ScriptedStory(DRAFT, DRAFT), Mode.AUTOREGRESSIVE)
    row = aligned([ahead, drafts])[2]
    assert row[1] is not None
    assert (row[1].relation, row[1].note) == (Relation.DIFFERENT, "said the judge verifier 0.00")


def test_without_a_verdict_other_words_are_different_even_with_the_same_result(tmp_path: Path) -> None:
    plain = run(tmp_path, "plain1", ScriptedStory(TARGET, TARGET), Mode.AUTOREGRESSIVE)
    drafts = run(tmp_path, "drafts1", ScriptedStory(DRAFT, DRAFT), Mode.AUTOREGRESSIVE)
    row = aligned([plain, drafts])[1]
    assert row[1] is not None
    assert (row[1].relation, row[1].note) == (Relation.DIFFERENT, "same last number, 84")


def test_runs_of_other_lengths_leave_gaps(tmp_path: Path) -> None:
    long = run(tmp_path, "long1", ScriptedStory(TARGET, TARGET), Mode.AUTOREGRESSIVE)
    short = run(tmp_path, "short1", ScriptedStory(["Six beds.\n\n", "End."], TARGET), Mode.AUTOREGRESSIVE)
    assert [row[1] is None for row in aligned([long, short])] == [False, False, True, True]
    assert relations(short, long)[2:] == [[None, Relation.ALONE], [None, Relation.ALONE]]
