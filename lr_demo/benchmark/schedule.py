"""How close the orchestration comes to the ideal schedule, and what it costs: simulated models, no network.

`python -m lr_demo.benchmark.schedule` prints one table; every figure in it is simulated.
"""

import asyncio
import time
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from lr_demo.benchmark.ideal import asynchronous_s, places
from lr_demo.config import Mode, RunSettings, VerifierKind
from lr_demo.decoding.engine import Cast, decode
from lr_demo.events import Event, RunState
from lr_demo.models.protocol import GREEDY
from lr_demo.models.simulated import SimulatedModel, Vocabulary
from lr_demo.models.story import SeededStory, Voice
from lr_demo.models.virtual_time import run_virtual
from lr_demo.verification.simulated import SimulatedVerifier

TARGET_S, DRAFT_S, VERDICT_S = 0.013, 0.0025, 0.020
STEPS, TOKENS = 100, 40


@dataclass(frozen=True)
class Measured:
    """One simulated run."""

    acceptance: float
    lookahead: int
    ideal_s: float
    schedule_s: float
    plain_s: float
    cpu_share: float
    """Share of one core that the process used; means something in real time only."""

    @property
    def over_ideal(self) -> float:
        """Schedule's length over the ideal one's, 1 is perfect."""
        return self.schedule_s / self.ideal_s


async def measure(acceptance: float, lookahead: int, chunk_tokens: int = 1) -> Measured:
    """Run 100 steps of 40 tokens on the loop's clock, virtual or real."""
    story = SeededStory(STEPS, TOKENS, acceptance=acceptance)
    words = Vocabulary("simulated")
    target = SimulatedModel("target", story, Voice.TARGET, words, TARGET_S, chunk_tokens=chunk_tokens)
    draft = SimulatedModel("draft", story, Voice.DRAFT, words, DRAFT_S, chunk_tokens=chunk_tokens)
    cast = Cast(target, GREEDY, draft, GREEDY, SimulatedVerifier("judge", VERDICT_S))
    settings = RunSettings(
        mode=Mode.LOOKAHEAD,
        lookahead=lookahead,
        parallel_budget=64,
        verifier=VerifierKind.JUDGE,
        max_tokens=2 * STEPS * TOKENS,
    )
    clock = asyncio.get_running_loop().time
    state, began, cpu_began = RunState(), clock(), time.process_time()
    number = 0

    def emit(event: Event) -> None:
        nonlocal number
        event.seq, event.t, number = number, clock() - began, number + 1
        state.apply(event)

    await decode("simulated", settings, cast, emit, "")
    seconds = clock() - began
    cpu_share = (time.process_time() - cpu_began) / seconds
    tokens = sum(step.tokens for step in state.answer)
    ideal = asynchronous_s(places(state, TARGET_S, DRAFT_S), lookahead)
    return Measured(acceptance, lookahead, ideal, seconds, tokens * TARGET_S, cpu_share)


def main() -> None:
    table = Table(title="Simulated: 100 steps of 40 tokens, draft 2.5 ms and target 13 ms a token, verdict 20 ms")
    for heading in ("clock", "α", "γ", "ideal s", "schedule s", "over ideal", "plain s", "CPU share"):
        table.add_column(heading, justify="right")
    for acceptance in (0.5, 0.6, 0.8):
        for lookahead in (4, 6):
            _add(table, "virtual", run_virtual(measure(acceptance, lookahead)))
    _add(table, "real", asyncio.run(measure(0.6, 6)))
    Console().print(table)


def _add(table: Table, clock: str, m: Measured) -> None:
    cpu = f"{m.cpu_share:.1%}" if clock == "real" else "–"
    table.add_row(
        clock,
        f"{m.acceptance:g}",
        str(m.lookahead),
        f"{m.ideal_s:.2f}",
        f"{m.schedule_s:.2f}",
        f"{m.over_ideal - 1:+.3%}",
        f"{m.plain_s:.2f}",
        cpu,
    )


if __name__ == "__main__":
    main()
