"""The figures of a run, on logs small enough to count by hand."""

import pytest

from lr_demo.events import (
    CycleStarted,
    DraftedAhead,
    Event,
    Outcome,
    PositionOpened,
    Role,
    RunFinished,
    RunStatus,
    SettingChosen,
    StepCancelled,
    StepCommitted,
    StepDelta,
    StepFinish,
    StepFinished,
    StepStarted,
    TokenSpeculation,
    Verdict,
    VerdictStarted,
)
from lr_demo.run_state import fold
from lr_demo.runs.summary import percentile, summarize
from tests.runs.events_of_a_run import started


class Script:
    """Writes the events of steps with a clock."""

    def __init__(self) -> None:
        self.events: list[Event] = [started(), CycleStarted(cycle=0, position=0)]
        self.now = 0.0

    def add(self, event: Event, seconds: float = 0.0) -> "Script":
        self.now += seconds
        event.t = self.now
        self.events.append(event)
        return self

    def step(self, position: int, role: Role, text: str, tokens: int, seconds: float = 1.0) -> "Script":
        if position not in [event.position for event in self.events if isinstance(event, PositionOpened)]:
            self.add(PositionOpened(position=position, step=position))
        self.add(StepStarted(position=position, role=role))
        ids = list(range(tokens))
        return self.add(
            StepFinished(position=position, role=role, token_ids=ids, text=text, finish=StepFinish.BOUNDARY), seconds
        )

    def verdict(self, position: int, accepted: bool, method: str = "judge", latency_s: float = 0.0) -> "Script":
        self.add(VerdictStarted(position=position, method=method))
        return self.add(Verdict(position=position, accepted=accepted, method=method, latency_s=latency_s))

    def commit(self, position: int, role: Role, outcome: Outcome, tokens: int) -> "Script":
        return self.add(StepCommitted(position=position, role=role, outcome=outcome, step=position, tokens=tokens))

    def end(self, status: RunStatus = RunStatus.FINISHED, reason: str = "end_of_sequence") -> "Script":
        return self.add(RunFinished(status=status, reason=reason), 1.0)


def lookahead() -> Script:
    """Two accepted (5, 6 tokens), a correction (7), one accepted (4), then a target step alone (3)."""
    script = Script()
    for position, tokens in ((0, 5), (1, 6)):
        script.step(position, Role.DRAFT, f"draft {position}\n\n", tokens).step(position, Role.TARGET, "other\n\n", 10)
        script.verdict(position, True, latency_s=0.1 * (position + 1))
        script.commit(position, Role.DRAFT, Outcome.ACCEPTED, tokens)
    script.step(2, Role.DRAFT, "wrong\n\n", 8).step(2, Role.TARGET, "the answer is 12\n\n", 7)
    script.verdict(2, False, latency_s=0.9).commit(2, Role.TARGET, Outcome.CORRECTED, 7)
    script.step(3, Role.DRAFT, "thrown away\n\n", 20).step(3, Role.TARGET, "thrown away too\n\n", 30)
    script.add(StepCancelled(position=3, role=Role.DRAFT)).add(StepCancelled(position=3, role=Role.TARGET))
    script.add(CycleStarted(cycle=1, position=4))
    script.step(4, Role.DRAFT, r"so \boxed{12}" + "\n\n", 4).step(4, Role.TARGET, r"So \boxed{12}" + "\n\n", 4)
    script.verdict(4, True, method="identical").commit(4, Role.DRAFT, Outcome.ACCEPTED, 4)
    script.add(StepStarted(position=5, role=Role.DRAFT))
    script.add(StepDelta(position=5, role=Role.DRAFT, text="half a", tokens=2))
    script.step(5, Role.TARGET, "bye", 3).add(StepCancelled(position=5, role=Role.DRAFT))
    return script.commit(5, Role.TARGET, Outcome.TARGET, 3).end()


def test_the_figures_of_a_lookahead_run() -> None:
    summary = summarize(fold(lookahead().events))
    assert summary.status is RunStatus.FINISHED
    assert summary.answer == "draft 0\n\ndraft 1\n\nthe answer is 12\n\nso \\boxed{12}\n\nbye"
    assert summary.final_answer == "12"
    assert summary.output_tokens == 5 + 6 + 7 + 4 + 3
    assert summary.wall_s == 12.0
    assert summary.tokens_per_s == pytest.approx(25 / 12)
    assert (summary.accepted, summary.corrected, summary.target_steps) == (3, 1, 1)
    assert summary.acceptance_rate == 0.75
    assert summary.mean_accepted_run == 1.5  # 2 in the first cycle, 1 in the second
    assert summary.drafted_tokens == 5 + 6 + 8 + 20 + 4 + 2
    assert summary.wasted_draft_tokens == 8 + 20 + 2
    assert summary.wasted_target_tokens == 30
    assert summary.verdict_latency_p50_s == 0.2  # of 0.1, 0.2, 0.9; the identical one asked nobody
    assert summary.verdict_latency_p95_s == pytest.approx(0.83)
    assert summary.verdict_wait_s == pytest.approx(0.1 + 0.2 + 0.9)
    assert summary.time_to_final_answer_s == 6.0  # when "the answer is 12" was committed
    assert (summary.baseline, summary.speedup) == (None, None)


def test_what_was_drafted_ahead_counts_as_drafted_and_unless_confirmed_as_wasted() -> None:
    script = Script().step(0, Role.TARGET, "all of it", 50).add(DraftedAhead(tokens=40, confirmed=10))
    script.commit(0, Role.TARGET, Outcome.TARGET, 50).add(DraftedAhead(tokens=90, confirmed=35))
    summary = summarize(fold(script.end().events))
    assert (summary.drafted_tokens, summary.wasted_draft_tokens) == (90, 55)
    assert summary.wasted_target_tokens == 0


def test_verdicts_ahead_of_the_root_cost_the_answer_only_what_is_left_of_them_when_it_gets_there() -> None:
    script = Script().step(0, Role.DRAFT, "a\n\n", 1).step(0, Role.TARGET, "b\n\n", 1)
    script.step(1, Role.DRAFT, "c\n\n", 1, seconds=0.0).step(1, Role.TARGET, "d\n\n", 1, seconds=0.0)  # at 2 s
    script.add(VerdictStarted(position=0, method="judge")).add(VerdictStarted(position=1, method="judge"))
    script.add(Verdict(position=0, accepted=True, method="judge", latency_s=0.5), seconds=0.5)
    script.commit(0, Role.DRAFT, Outcome.ACCEPTED, 1)
    script.add(Verdict(position=1, accepted=True, method="judge", latency_s=0.7), seconds=0.2)
    script.commit(1, Role.DRAFT, Outcome.ACCEPTED, 1)
    assert summarize(fold(script.end().events)).verdict_wait_s == pytest.approx(0.5 + 0.2)


def test_verdicts_on_alternatives_side_by_side_are_waited_for_once() -> None:
    script = Script().step(0, Role.DRAFT, "a\n\n", 1)
    script.add(StepStarted(position=0, role=Role.DRAFT, alternative=1))
    end = StepFinish.BOUNDARY
    script.add(StepFinished(position=0, role=Role.DRAFT, alternative=1, token_ids=[1], text="b\n\n", finish=end))
    script.step(0, Role.TARGET, "c\n\n", 1)
    script.add(Verdict(position=0, accepted=False, method="judge", latency_s=0.3), seconds=0.3)
    script.add(Verdict(position=0, alternative=1, accepted=True, method="judge", latency_s=0.4), seconds=0.1)
    script.add(StepCommitted(position=0, role=Role.DRAFT, alternative=1, outcome=Outcome.ACCEPTED, step=0, tokens=1))
    assert summarize(fold(script.end().events)).verdict_wait_s == pytest.approx(0.4)


def test_a_finished_baseline_gives_the_speedup() -> None:
    plain = Script().step(0, Role.TARGET, "all of it", 50, seconds=49.0).commit(0, Role.TARGET, Outcome.TARGET, 50)
    stopped = Script().step(0, Role.TARGET, "all of it", 50, seconds=49.0).commit(0, Role.TARGET, Outcome.TARGET, 50)
    summary = summarize(fold(lookahead().events), fold(plain.end().events))
    assert summary.baseline_tokens_per_s == 1.0
    assert summary.speedup == pytest.approx(25 / 12)
    unfinished = summarize(fold(lookahead().events), fold(stopped.end(RunStatus.STOPPED, "stopped").events))
    assert (unfinished.baseline, unfinished.speedup) == (None, None)


def test_figures_that_do_not_exist_are_none() -> None:
    script = Script().add(RunFinished(status=RunStatus.FAILED, reason="the target is gone"))
    summary = summarize(fold(script.events))
    assert (summary.status, summary.reason) == (RunStatus.FAILED, "the target is gone")
    assert summary.tokens_per_s is None
    assert summary.acceptance_rate is None
    assert summary.mean_accepted_run is None
    assert summary.final_answer is None
    assert summary.time_to_final_answer_s is None
    assert summary.verdict_latency_p50_s is None
    assert summary.verdict_wait_s is None
    with pytest.raises(ValueError, match="not started"):
        summarize(fold([]))


def test_what_the_server_counted_of_speculation_is_in_the_figures() -> None:
    script = Script().step(0, Role.TARGET, "all of it", 50).commit(0, Role.TARGET, Outcome.TARGET, 50)
    counted = TokenSpeculation(drafts=10, proposed_tokens=60, accepted_tokens=15)
    script.add(RunFinished(status=RunStatus.FINISHED, reason="end_of_sequence", speculation=counted))
    figures = summarize(fold(script.events)).speculation
    assert figures is not None
    assert (figures.drafts, figures.proposed_tokens, figures.accepted_tokens) == (10, 60, 15)
    assert (figures.acceptance_rate, figures.mean_accepted_length) == (0.25, 2.5)
    assert summarize(fold(lookahead().events)).speculation is None


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([3.0], 0.95, 3.0), ([1.0, 3.0], 0.5, 2.0), ([4.0, 1.0, 2.0, 3.0, 5.0], 1.0, 5.0)],
)
def test_percentile(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


def test_a_run_that_chose_its_lookahead_tells_the_last_choice_and_the_steps_without() -> None:
    script = Script()
    for step, lookahead in ((0, 1), (1, 0), (3, 4)):
        script.add(SettingChosen(step=step, lookahead=lookahead, predicted=0.8 if not lookahead else 1.5, reason="so"))
        for position in range(step, {0: 1, 1: 3, 3: 5}[step]):
            script.step(position, Role.TARGET, "text\n\n", 4).commit(position, Role.TARGET, Outcome.TARGET, 4)
    summary = summarize(fold(script.end().events))
    assert summary.steps_without_lookahead == 2
    assert summary.chosen == "LR, γ 4 since step 4 (predicted 1.50×; so)"


def test_a_run_with_a_fixed_lookahead_chose_nothing() -> None:
    summary = summarize(fold(Script().end().events))
    assert (summary.chosen, summary.steps_without_lookahead) == (None, None)
