"""How close the orchestration comes to the ideal schedule, and what it costs: simulated models, no network."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from lr_demo.benchmark.ideal import asynchronous_s, places, places_as_written
from lr_demo.config import Mode, RunSettings, VerifierKind
from lr_demo.decoding.engine import Cast, decode
from lr_demo.events import RunFinished, RunStarted, RunStatus
from lr_demo.models.protocol import GREEDY, Chunk, GenerationRequest
from lr_demo.models.simulated import SimulatedModel, Vocabulary
from lr_demo.models.story import SeededStory, Voice
from lr_demo.run_state import fold
from lr_demo.runs.log import EventLog
from lr_demo.runs.traces import TraceWriter
from lr_demo.verification.simulated import SimulatedVerifier

TARGET_S, DRAFT_S, VERDICT_S = 0.013, 0.0025, 0.020
STEPS, TOKENS = 100, 40


@dataclass(frozen=True)
class Measured:
    """One simulated run."""

    acceptance: float
    lookahead: int
    ideal_s: float
    """The ideal schedule at the models' set pace."""
    kept_s: float
    """The ideal schedule at the pace that the models kept: on a busy machine each of them is late by itself."""
    schedule_s: float
    tokens: int
    """Of the answer."""
    events: int
    cpu_s: float
    """Processor time of the whole process; means something in real time only."""
    asked: "list[Asked]"
    """Every request that the models got."""

    @property
    def plain_s(self) -> float:
        """Plain decoding of as many tokens."""
        return self.tokens * TARGET_S

    @property
    def over_ideal(self) -> float:
        """Schedule's length over the ideal one's, 1 is perfect."""
        return self.schedule_s / self.ideal_s

    @property
    def over_kept(self) -> float:
        """The same, but for what the models were late by: what lies between the steps."""
        return self.schedule_s / self.kept_s

    @property
    def tokens_per_s(self) -> float:
        """Of the answer."""
        return self.tokens / self.schedule_s


@dataclass
class Asked:
    """A request as a model got it."""

    model: SimulatedModel
    at_s: float
    """Since the loop began."""
    request: GenerationRequest
    chunks: int = 0
    """So many were taken before it ended or was cancelled."""


@dataclass
class _Recorder(SimulatedModel):
    """Remembers what was asked of it, when, and how much of the answer was taken."""

    asked: list[Asked] = field(default_factory=list)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        asked = Asked(self, asyncio.get_running_loop().time(), request)
        self.asked.append(asked)
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                asked.chunks += 1
                yield chunk


def _models(kind: type[SimulatedModel], acceptance: float, steps: int) -> dict[Voice, SimulatedModel]:
    story = SeededStory(steps, TOKENS, acceptance=acceptance)
    words = Vocabulary("simulated")
    paces = {Voice.TARGET: TARGET_S, Voice.DRAFT: DRAFT_S}
    return {voice: kind(voice.name.lower(), story, voice, words, pace) for voice, pace in paces.items()}


async def measure(acceptance: float, lookahead: int, *, steps: int = STEPS, record: bool = False) -> Measured:
    """Run steps of 40 tokens on the loop's clock, virtual or real, with log and trace as the application has them.

    `record` keeps every request in `asked`, which takes time of its own.
    """
    models = _models(_Recorder if record else SimulatedModel, acceptance, steps)
    target, draft = models[Voice.TARGET], models[Voice.DRAFT]
    cast = Cast(target, GREEDY, draft, GREEDY, SimulatedVerifier("judge", VERDICT_S))
    settings = RunSettings(
        mode=Mode.LOOKAHEAD,
        lookahead=lookahead,
        parallel_budget=64,
        verifier=VerifierKind.JUDGE,
        max_tokens=2 * steps * TOKENS,
    )
    clock = asyncio.get_running_loop().time
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog("schedule", clock=clock, sink=TraceWriter(Path(folder, "schedule.jsonl")))
        began, cpu_began = clock(), time.process_time()
        log.append(
            RunStarted(prompt="", mode=settings.mode, profile="", settings={}, models={}, started_at="", simulated=True)
        )
        reason = await decode("simulated", settings, cast, log.append, "")
        log.append(RunFinished(status=RunStatus.FINISHED, reason=reason))
        seconds, cpu = clock() - began, time.process_time() - cpu_began
    state = fold(log.events())
    tokens = sum(step.tokens for step in state.answer)
    ideal = asynchronous_s(places(state, TARGET_S, DRAFT_S), lookahead)
    kept = asynchronous_s(places_as_written(state), lookahead)
    asked = [each for model in models.values() if isinstance(model, _Recorder) for each in model.asked]
    return Measured(acceptance, lookahead, ideal, kept, seconds, tokens, len(log), cpu, asked)


async def servers_alone(asked: list[Asked]) -> float:
    """Processor seconds that the simulated models take by themselves for these requests, each at its time.

    What a run takes more than this is the orchestration's own: on a slow machine most of a simulated run's processor
    time goes into the timer of each token.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def again(each: Asked) -> None:
        await asyncio.sleep(began + each.at_s - loop.time())
        left = each.chunks
        async with aclosing(SimulatedModel.generate(each.model, each.request)) as chunks:
            while left and await anext(chunks, None) is not None:
                left -= 1

    cpu_began = time.process_time()
    async with asyncio.TaskGroup() as group:
        for each in asked:
            group.create_task(again(each))
    return time.process_time() - cpu_began
