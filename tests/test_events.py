"""The event union: every event survives its line of JSON, and lines of other versions are refused."""

import json
import typing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lr_demo.errors import TraceError
from lr_demo.events import (
    SCHEMA_VERSION,
    CycleStarted,
    Event,
    Outcome,
    PositionOpened,
    Role,
    RunFinished,
    RunStarted,
    RunStatus,
    StepCancelled,
    StepCommitted,
    StepDelta,
    StepFinish,
    StepFinished,
    StepStarted,
    Verdict,
    VerdictStarted,
    from_json_line,
    to_json_line,
)
from lr_demo.run_state import StepKey, StepPhase, fold

EVENT_TYPES: tuple[type, ...] = typing.get_args(typing.get_args(Event)[0])


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_every_event_survives_its_line(kind: type) -> None:
    strategies: dict[str, st.SearchStrategy[object]] = {}
    if kind is RunStarted:
        strategies["schema_version"] = st.just(SCHEMA_VERSION)
        plain = (
            st.none()
            | st.text()
            | st.integers(-(2**40), 2**40)
            | st.booleans()
            | st.floats(allow_nan=False, allow_infinity=False)
        )
        strategies["settings"] = st.dictionaries(st.text(), plain)
    for name, field in kind.model_fields.items():  # type: ignore[attr-defined]
        if field.annotation is float or name == "score":
            strategies[name] = st.floats(allow_nan=False, allow_infinity=False)

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first draw builds tables of Unicode
    @given(st.builds(kind, **strategies))
    def survives(event: Event) -> None:
        line = to_json_line(event)
        assert "\n" not in line
        assert "\r" not in line
        assert from_json_line(line) == event
        assert from_json_line(line.encode()) == event

    survives()


def test_the_union_holds_every_event() -> None:
    assert len(EVENT_TYPES) == 15
    assert {kind.model_fields["type"].default for kind in EVENT_TYPES} == {  # type: ignore[attr-defined]
        "run_started", "cycle_started", "position_opened", "step_started", "step_delta", "step_finished",
        "step_cancelled", "verdict_started", "verdict", "step_committed", "drafted_ahead", "setting_chosen",
        "role_degraded", "role_recovered", "run_finished",
    }  # fmt: skip


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1, "2026-beta"])
def test_another_schema_version_is_refused_by_name(version: int | str) -> None:
    line = {**_started().model_dump(), "schema_version": version}
    with pytest.raises(TraceError, match=f"schema version {version}, this program reads version {SCHEMA_VERSION}"):
        from_json_line(json.dumps(line))


def test_another_version_is_refused_even_if_it_has_fields_we_do_not_know() -> None:
    line = {**_started().model_dump(), "schema_version": 99, "galaxy": "far"}
    with pytest.raises(TraceError, match="schema version 99"):
        from_json_line(json.dumps(line))


@pytest.mark.parametrize("line", ["", "null", "{}", '{"type":"nonsense"}', '{"type":"step_delta"}', "\x00\x00", "{"])
def test_what_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(TraceError, match="not an event"):
        from_json_line(line)


def test_the_fold_of_a_correction() -> None:
    draft = StepKey(0, Role.DRAFT)
    target = StepKey(0, Role.TARGET)
    events: list[Event] = [
        _started(),
        CycleStarted(cycle=0, position=0),
        PositionOpened(position=0, step=0),
        StepStarted(position=0, role=Role.TARGET),
        StepStarted(position=0, role=Role.DRAFT),
        StepDelta(position=0, role=Role.DRAFT, text="two", tokens=1),
        StepFinished(position=0, role=Role.DRAFT, token_ids=[7, 8], text="two\n\n", finish=StepFinish.BOUNDARY),
        StepDelta(position=0, role=Role.TARGET, text="three", tokens=2),
        StepFinished(position=0, role=Role.TARGET, token_ids=[1, 2, 3], text="three\n\n", finish=StepFinish.BOUNDARY),
        VerdictStarted(position=0, method="judge"),
        Verdict(position=0, accepted=False, method="judge", reason="two is not three"),
        StepCommitted(position=0, role=Role.TARGET, outcome=Outcome.CORRECTED, step=0, tokens=3),
        StepStarted(position=1, role=Role.DRAFT),
        StepDelta(position=1, role=Role.DRAFT, text="fo", tokens=1),
        StepCancelled(position=1, role=Role.DRAFT),
        RunFinished(status=RunStatus.FINISHED, reason="end_of_sequence"),
    ]
    state = fold(events)
    assert state.text() == "three\n\n"
    assert state.status is RunStatus.FINISHED
    assert state.steps[target].phase is StepPhase.CORRECTED
    assert state.steps[draft].phase is StepPhase.REJECTED
    assert state.steps[StepKey(1, Role.DRAFT)].phase is StepPhase.CANCELLED
    assert state.steps[StepKey(1, Role.DRAFT)].text == "fo"
    assert state.tokens_written == {Role.TARGET: 3, Role.DRAFT: 3}


def _started() -> RunStarted:
    return RunStarted(
        prompt="1 + 2?",
        mode="lookahead",
        profile="simulated",
        settings={"seed": 0},
        models={"target": "simulated"},
        started_at="2026-01-01T00:00:00+00:00",
    )
