"""SpecReason: scores decide, the first steps may be the target's, and its four ways to end."""

from dataclasses import dataclass

import pytest

from lr_demo.config import Mode
from lr_demo.errors import ModelError
from lr_demo.events import Outcome as How
from lr_demo.events import Role, RoleDegraded, Verdict
from lr_demo.models.protocol import Sampling
from lr_demo.models.simulated import Failure
from lr_demo.models.story import ScriptedStory, SeededStory
from tests.decoding.scene import Outcome, Scene, settings

TARGET = ["One is 1.\n\n", "Two is 2.\n\n", "Three is 3.\n\n", "So it is \\boxed{3}."]
DRAFT = ["Uno is 1.\n\n", "Two is 5.\n\n", "Tres is 3.\n\n", "It must be \\boxed{3}."]


@dataclass
class Scores:
    """Gives these scores in turn; an error for None."""

    values: list[float | None]

    async def score(self, prefix: object) -> float:
        value = self.values.pop(0)
        if value is None:
            raise ModelError("no score")
        return value


def run(scores: list[float | None], **given: object) -> Outcome:
    return Scene(ScriptedStory(TARGET, DRAFT), scorer=Scores(scores)).run(settings(mode=Mode.SPECREASON, **given))


def outcomes(outcome: Outcome) -> list[How]:
    return [step.outcome for step in outcome.state.answer]


def test_steps_at_or_above_the_threshold_stay_and_the_others_are_the_targets() -> None:
    outcome = run([7.0, 6.9, 9.0, 8.0], threshold=7)
    assert outcomes(outcome) == [How.ACCEPTED, How.CORRECTED, How.ACCEPTED, How.ACCEPTED]
    assert outcome.state.text() == DRAFT[0] + TARGET[1] + DRAFT[2] + DRAFT[3]


def test_the_first_steps_are_the_targets_without_a_score() -> None:
    outcome = run([9.0, 9.0], first_target_steps=2)
    assert outcomes(outcome) == [How.TARGET, How.TARGET, How.ACCEPTED, How.ACCEPTED]


def test_a_score_that_fails_is_a_reject() -> None:
    outcome = run([None, 9.0, 9.0, 9.0])
    assert outcomes(outcome)[0] is How.CORRECTED
    assert next(e for e in outcome.events if isinstance(e, Verdict)).method == "error"


def test_it_ends_at_a_final_answer_even_before_the_model_ends() -> None:
    target = [*TARGET[:3], "So it is \\boxed{3}.\n\n", "And on it goes."]
    scene = Scene(ScriptedStory(target, target), scorer=Scores([9.0] * 9))
    assert scene.run(settings(mode=Mode.SPECREASON)).reason == "final_answer"


def test_it_ends_at_a_repeated_step() -> None:
    again = ["First.\n\n", "Wait.\n\n", "  wait. \n\n", "More.\n\n", "End."]
    outcome = Scene(ScriptedStory(again, again), scorer=Scores([9.0] * 9)).run(settings(mode=Mode.SPECREASON))
    assert outcome.reason == "repeated_step"
    assert len(outcome.state.answer) == 3


def test_it_ends_at_its_token_budget() -> None:
    outcome = run([9.0] * 9, max_tokens=6)
    assert outcome.reason == "token_limit"
    assert sum(step.tokens for step in outcome.state.answer) == 6


@pytest.mark.parametrize("same_vocabulary", [True, False])
def test_it_goes_on_with_the_target_where_the_draft_fails(same_vocabulary: bool) -> None:
    scene = Scene(
        SeededStory(6, 5),
        scorer=Scores([9.0] * 9),
        draft_failures=dict.fromkeys(range(99), Failure(0)),
        sampling=Sampling(temperature=0.5),
        same_vocabulary=same_vocabulary,
    )
    outcome = scene.run(settings(mode=Mode.SPECREASON))
    assert set(outcomes(outcome)) == {How.TARGET}
    assert [e.role for e in outcome.events if isinstance(e, RoleDegraded)] == [Role.DRAFT]
