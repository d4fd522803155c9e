"""The stages of a run in mode `speculative`, for the Learn page: what single passes of the target wrote.

As `tour`, a pure function of the events.
"""

from collections.abc import Iterator, Sequence

from lr_demo.events import Event, Role, RunFinished, RunStarted, RunStatus, StepCommitted, StepDelta
from lr_demo.run_state import RunState, StepKey
from lr_demo.ui.stages import Pointer, Stage, StageKind, answered


def token_stages(events: Sequence[Event], *, compared: bool) -> Iterator[Stage]:
    """The problem; the first pass with confirmed proposals, one without any, the longest; every step; the end."""
    state, told = RunState(), _chosen(events)
    for event in events:
        state.apply(event)
        match event:
            case RunStarted():
                yield _problem(event)
            case StepDelta() if event.seq in told:
                yield _stage(StageKind.PASS, event, state, told[event.seq], event.position)
            case StepCommitted():
                yield _stage(StageKind.OUTCOME, event, state, _step_text(event, state), event.position)
            case RunFinished():
                if compared and event.status is RunStatus.FINISHED:
                    yield Stage(StageKind.SPEEDUP, event.seq - 1, state.cycle, _asked(state), Pointer.BOTTOM)
                yield Stage(StageKind.END, event.seq, state.cycle, answered(event, state), Pointer.BOTTOM)


def _stage(kind: StageKind, event: Event, state: RunState, text: str, position: int) -> Stage:
    return Stage(kind, event.seq, state.cycle, text, step=state.positions[position].step, position=position)


def _problem(event: RunStarted) -> Stage:
    proposals = f" ({event.speculation})" if event.speculation else ""
    text = (
        f"A problem for {event.models[Role.TARGET]}, which reads all of its weights for every token that it writes. "
        f"In speculative decoding it is handed the next tokens as proposals{proposals}, and one pass checks them "
        "all: what it would have written itself stays."
    )
    return Stage(StageKind.PROBLEM, event.seq, 0, text, Pointer.TOP)


def _chosen(events: Sequence[Event]) -> dict[int, str]:
    """Sequence number of each pass that is told of, and what is said there. Of passes that came one by one only."""
    passes = [event for event in events if isinstance(event, StepDelta) and event.passes and len(event.passes) == 1]
    several = [event for event in passes if event.tokens > 1]
    if not several:
        return {}
    first, longest = several[0], max(several, key=lambda event: event.tokens)
    told = {
        first.seq: f"One pass of the target, {first.tokens} tokens: {_quoted(first)}. {_confirmed(first.tokens - 1)} "
        f"what it would have written itself; the last token is its own, which every pass gives. Alone it would have "
        f"needed {first.tokens} passes for them. Beneath the step, each block is a pass."
    }
    if longest is not first:
        told[longest.seq] = (
            f"The longest pass of this run, {longest.tokens} tokens: {_quoted(longest)}. They came "
            f"{longest.t - _before(longest, events):.1f} s after the tokens before them, drafting included."
        )
    alone = next((event for event in passes if event.tokens == 1 and event.seq > first.seq), None)
    if alone is not None:
        told[alone.seq] = (
            f"One token, {_quoted(alone)}: the very first proposal was not what the target would write, so those "
            "behind it fell with it. That cost the time of drafting them and changed nothing in the text."
        )
    return told


def _before(delta: StepDelta, events: Sequence[Event]) -> float:
    """When the target had written what it wrote just before, seconds."""
    return max((event.t for event in events[: delta.seq] if isinstance(event, StepDelta)), default=0.0)


def _quoted(event: StepDelta) -> str:
    return f"“{event.text.replace(chr(10), '⏎')}”"


def _confirmed(proposals: int) -> str:
    return "One proposal was" if proposals == 1 else f"{proposals} proposals were"


def _step_text(event: StepCommitted, state: RunState) -> str:
    step = state.steps[StepKey(event.position, Role.TARGET)]
    if not step.passes or sum(step.passes) != step.tokens:
        return f"Step {event.step + 1} is complete. Its text is the target’s own: proposals change the time alone."
    mean = step.tokens / len(step.passes)
    return (
        f"Step {event.step + 1} is complete: {step.tokens} tokens in {len(step.passes)} passes, {mean:.1f} a pass. Its "
        "text is the target’s own: proposals change the time alone."
    )


def _asked(state: RunState) -> str:
    passes = [tokens for step in state.steps.values() for tokens in step.passes]
    mean = f" Its passes came to {sum(passes) / len(passes):.1f} tokens in the mean." if passes else ""
    return f"The answer is there.{mean} How fast did it come, against the target alone?"
