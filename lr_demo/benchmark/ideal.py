"""The length of the ideal schedule of lookahead reasoning, worked out step by step without any concurrency.

Width 1, a budget that never binds, a cost per token that does not depend on the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lr_demo.events import Outcome, Role
from lr_demo.run_state import RunState, StepState

_SAME = 1e-9
"""Seconds within which two ends are one moment: sums of the same times differ by their rounding. What ended at the
moment of the decision was in time; where the run held it to be late, its place says so."""


@dataclass(frozen=True, slots=True)
class Place:
    """One step of the answer: how long each part of it takes undisturbed, seconds."""

    draft_s: float
    target_s: float
    verdict_s: float
    accepted: bool
    drafted: bool = True
    """False where nothing was drafted: after a cut step, or beyond the lookahead of a synchronous round."""
    written_on: bool = False
    """True where the target wrote on behind its own step before, while that was judged."""


def places(state: RunState, target_s_per_token: float, draft_s_per_token: float) -> list[Place]:
    """The steps of a finished run, as places. A draft that came too late counts as endless."""
    pace = {Role.TARGET: target_s_per_token, Role.DRAFT: draft_s_per_token}
    return _places(state, lambda step: len(step.token_ids) * pace[step.key.role])


def places_as_written(state: RunState) -> list[Place]:
    """The same with the time that each step really took: what its server was late by is the server's."""
    return _places(state, lambda step: step.ended - step.started if step.ended is not None else float("inf"))


def _places(state: RunState, seconds: Callable[[StepState], float]) -> list[Place]:
    found = []
    for step in state.answer:
        target = state.steps[step.key._replace(role=Role.TARGET, alternative=0)]
        drafted = state.steps.get(step.key._replace(role=Role.DRAFT))
        verdict = drafted.verdict if drafted else None
        found.append(
            Place(
                draft_s=seconds(drafted) if drafted and drafted.finish else float("inf"),
                target_s=seconds(target),
                verdict_s=verdict.latency_s if verdict else 0.0,
                accepted=step.outcome is Outcome.ACCEPTED,
                drafted=drafted is not None,
                written_on=state.positions[step.key.position].parent_role is Role.TARGET,
            )
        )
    return found


def asynchronous_s(steps: Sequence[Place], lookahead: int) -> float:
    """Seconds until the last step is in the answer, asynchronous schedule."""
    root_at = target_done = 0.0
    index = 0
    while index < len(steps):  # one cycle a turn
        reached = [root_at]  # when the root moved to the k-th step of this cycle
        prefix_at = root_at
        for k, place in enumerate(steps[index:]):
            index += 1
            target_done = (target_done if place.written_on else prefix_at) + place.target_s
            # A draft starts when its prefix is known and it is fewer than γ steps from the root.
            draft_done = max(prefix_at, reached[max(0, k - lookahead + 1)]) + place.draft_s
            decided = max(reached[k], target_done)
            if not place.drafted or draft_done > decided + _SAME:  # none, or late: the target's step is taken
                root_at = decided
                break
            root_at = max(reached[k], max(draft_done, target_done) + place.verdict_s)
            if not place.accepted:
                break
            reached.append(root_at)
            prefix_at = draft_done
    return root_at
