"""The simulated grid: settings and costs over which predictions are held against runs in virtual time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from lr_demo.config import Mode, RunSettings, Schedule, SimulatedSpeculation, VerifierKind
from lr_demo.models.story import SeededStory
from lr_demo.prediction import Choice, Costs, Pace, Workload, predict
from tests.decoding.scene import Outcome, Scene

STEPS, TOKENS, SPREAD = 250, 12, 0.5
TARGET_S = 0.01
BATCHES = {
    "flat": (1.0,),
    "with room": (1.0, 1.1, 1.25, 1.4, 1.55, 1.7, 1.85, 2.0),
    "without room": (1.0, 1.9, 2.7, 3.5, 4.4, 5.3, 6.2, 7.0),
}
PROPOSALS, TOKEN_ACCEPTANCE = 6, 0.5


@dataclass(frozen=True)
class Point:
    """One run of the grid."""

    mode: Mode
    acceptance: float = 0.6
    lookahead: int = 3
    schedule: Schedule = Schedule.ASYNC
    draft_over_target: float = 0.2
    batch: str = "flat"
    verdict_s: float = 0.02
    width: int = 1

    @property
    def settings(self) -> RunSettings:
        return RunSettings(
            mode=self.mode,
            lookahead=self.lookahead,
            width=self.width,
            schedule=self.schedule,
            verifier=VerifierKind.JUDGE,
            parallel_budget=8,
            max_tokens=10 * STEPS * TOKENS,
        )

    def measured(self) -> float:
        """Tokens per second of the run, by the real scheduler in virtual time."""
        outcome = self.run()
        return sum(step.tokens for step in outcome.state.answer) / outcome.seconds

    def run(self) -> Outcome:
        """The run."""
        story = SeededStory(STEPS, TOKENS, SPREAD, acceptance=self.acceptance, identical=0.25, seed=7)
        scene = Scene(
            story,
            target_s=TARGET_S,
            draft_s=TARGET_S * self.draft_over_target,
            batch_cost=BATCHES[self.batch],
            verdict_s=self.verdict_s,
            speculation=SimulatedSpeculation(tokens=PROPOSALS, acceptance=TOKEN_ACCEPTANCE)
            if self.mode.speculates_tokens
            else None,
        )
        return scene.run(self.settings)

    def predicted(self) -> float:
        """Tokens per second, from what the models were set to."""
        batch = BATCHES[self.batch]
        costs = Costs(
            target=Pace(tuple((n, TARGET_S * factor) for n, factor in enumerate((*batch, batch[-1]), start=1))),
            draft=Pace(((1, TARGET_S * self.draft_over_target),)),
            verdict_s=self.verdict_s,
        )
        workload = Workload(
            acceptance=self.acceptance,
            target_tokens=TOKENS,
            draft_tokens=TOKENS,
            spread=SPREAD / 3**0.5,  # lengths are uniform
            correlation=self.acceptance * 0.25,
            identical=0.25,
            token_acceptance=TOKEN_ACCEPTANCE,
            likeness=1.0,
            answer_tokens=STEPS * TOKENS,
        )
        return predict(costs, workload, Choice.of(self.settings, PROPOSALS)).tokens_per_s

    def error(self) -> float:
        """Predicted over measured, less 1."""
        return self.predicted() / self.measured() - 1


def grid() -> Iterator[Point]:
    """Every point: minutes of computing."""
    for mode, batch in product((Mode.AUTOREGRESSIVE, Mode.SPECULATIVE), BATCHES):
        yield Point(mode, batch=batch)
    for mode, acceptance, lookahead, schedule, ratio, batch, verdict_s in product(
        (Mode.LOOKAHEAD, Mode.LOOKAHEAD_SPECULATIVE),
        (0.4, 0.6, 0.8),
        (1, 3, 6),
        Schedule,
        (0.2, 0.5),
        BATCHES,
        (0.0, 0.1),
    ):
        yield Point(mode, acceptance, lookahead, schedule, ratio, batch, verdict_s)


def some(every: int) -> list[Point]:
    """Each so-manieth point, spread over the whole grid."""
    return list(grid())[::every]
