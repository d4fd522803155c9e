"""Runs beside each other: step k of each, and whether it says the same as the first run's, as far as the logs tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lr_demo.events import Outcome, Role
from lr_demo.run_state import CommittedStep, RunState, StepKey
from lr_demo.verification.numbers import conclusion

LEAST_RUNS, MOST_RUNS = 2, 6
"""So many can be compared at once."""


class Relation(StrEnum):
    """What a step is to the first run's step of the same number."""

    EQUAL = "equal"
    """The same text apart from white space and case."""
    SAME_MEANING = "same meaning"
    """A verifier accepted this very pair of texts, in one of the two runs."""
    DIFFERENT = "different"
    """Other text, and no verdict that it means the same."""
    ALONE = "alone"
    """The first run has no step of this number."""


@dataclass(frozen=True, slots=True)
class ComparedStep:
    """A step of an answer beside the others' steps of the same number."""

    text: str
    outcome: Outcome
    tokens: int
    t: float
    """Seconds from the start of the run until it joined the answer."""
    relation: Relation | None
    """None for the first run's."""
    note: str
    """Who judged it so, or the last numbers of the two."""


def aligned(states: Sequence[RunState]) -> list[tuple[ComparedStep | None, ...]]:
    """Row k has step k of each run's answer, None where a run has ended before."""
    first = states[0]
    rows = []
    for number in range(max(len(state.answer) for state in states)):
        reference = first.answer[number] if number < len(first.answer) else None
        rows.append(tuple(_compared(state, first, number, reference) for state in states))
    return rows


def _compared(state: RunState, first: RunState, number: int, reference: CommittedStep | None) -> ComparedStep | None:
    if number >= len(state.answer):
        return None
    step = state.answer[number]
    text = state.steps[step.key].text
    relation: Relation | None = None
    note = ""
    if state is not first:
        relation, note = (Relation.ALONE, "") if reference is None else _relate(state, step, first, reference)
    return ComparedStep(text, step.outcome, step.tokens, step.t, relation, note)


def _relate(state: RunState, step: CommittedStep, first: RunState, reference: CommittedStep) -> tuple[Relation, str]:
    text, other = state.steps[step.key].text, first.steps[reference.key].text
    if _plain(text) == _plain(other):
        return Relation.EQUAL, ""
    for run, committed in ((state, step), (first, reference)):
        judged = _verdict(run, committed.key.position, {_plain(text), _plain(other)})
        if judged is not None:
            return judged
    ours, theirs = conclusion(text), conclusion(other)
    if ours is None or theirs is None:
        return Relation.DIFFERENT, ""
    return (
        Relation.DIFFERENT,
        f"same last number, {ours:f}" if ours == theirs else f"last number {ours:f}, not {theirs:f}",
    )


def _verdict(state: RunState, position: int, pair: set[str]) -> tuple[Relation, str] | None:
    """What a verifier said in this run about exactly these two texts."""
    target = state.steps.get(StepKey(position, Role.TARGET))
    if target is None:
        return None
    alternative = 0
    while (drafted := state.steps.get(StepKey(position, Role.DRAFT, alternative))) is not None:
        alternative += 1
        if drafted.verdict is None or {_plain(drafted.text), _plain(target.text)} != pair:
            continue
        said = drafted.verdict
        score = "" if said.score is None else f" {said.score:.2f}"
        return (
            Relation.SAME_MEANING if said.accepted else Relation.DIFFERENT
        ), f"said the {said.method} verifier{score}"
    return None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
