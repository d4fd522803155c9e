"""What a step costs the orchestration when the answer is short and when it is long: its work must not grow with it."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lr_demo.config import Mode, RunSettings, VerifierKind
from lr_demo.decoding.engine import Cast, decode
from lr_demo.events import Event, RunStarted, StepCommitted
from lr_demo.models.protocol import GREEDY, Chunk, Finish, GenerationRequest, LanguageModel, Message
from lr_demo.models.virtual_time import run_virtual
from lr_demo.proposals.index import Accompanied, DraftedTokens
from lr_demo.runs.log import EventLog
from lr_demo.runs.traces import TraceWriter
from lr_demo.verification.exact import ExactVerifier

STEP_TOKENS = 40
SHORT, LONG = 1_024, 32_768
"""Tokens of the answer around which steps are measured."""
_AROUND = 800
"""Tokens before and behind that the measured steps have."""
_REJECTED_EVERY = 4
_FIRST_TOKEN = 1_000


@dataclass
class _SteadyModel:
    """Writes steps of equal length for next to nothing, however long the prompt is."""

    name: str
    seconds_per_token: float
    errs: bool = False
    """Whether every fourth step is another one than the target's."""
    vocabulary: str = "steady"

    async def context_length(self) -> int:
        return 2**31

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        wrong = self.errs and len(request.prompt) // STEP_TOKENS % _REJECTED_EVERY == 0
        for token in range(1, STEP_TOKENS):
            await asyncio.sleep(self.seconds_per_token)
            yield Chunk((_FIRST_TOKEN + token,), " more" if wrong else " word")
        await asyncio.sleep(self.seconds_per_token)
        yield Chunk((_FIRST_TOKEN + wrong,), ".\n\n", Finish.STOP)

    def suggest(self, drafted: DraftedTokens) -> None:
        return

    def accompany(self, sequence: Accompanied, draft: LanguageModel | None) -> None:
        return

    async def choose(self, prompt: Sequence[int], choices: Sequence[str]) -> dict[str, float]:
        raise NotImplementedError("nothing asks this model to choose")

    async def encode(self, text: str) -> list[int]:
        raise NotImplementedError("target and draft share their tokens")

    async def chat_prompt(self, messages: Sequence[Message]) -> list[int]:
        return [_FIRST_TOKEN]


@dataclass(frozen=True)
class StepCost:
    """Processor milliseconds of a step, log and trace included."""

    short_ms: float
    long_ms: float

    @property
    def growth(self) -> float:
        """Cost behind a long answer over the cost behind a short one; 1 is flat."""
        return self.long_ms / self.short_ms


def step_cost(times: int = 3) -> StepCost:
    """The least of some runs of 33k tokens in virtual time, where all time that passes is work."""
    measured = [run_virtual(_run()) for _ in range(times)]
    return StepCost(min(each.short_ms for each in measured), min(each.long_ms for each in measured))


async def decode_steadily(tokens: int, emit: Callable[[Event], None]) -> None:
    """Lookahead reasoning over so many tokens, with models that write steps of equal length and a draft that errs."""
    cast = Cast(
        _SteadyModel("target", 0.013), GREEDY, _SteadyModel("draft", 0.0025, errs=True), GREEDY, ExactVerifier()
    )
    settings = RunSettings(
        mode=Mode.LOOKAHEAD, lookahead=6, parallel_budget=64, verifier=VerifierKind.EXACT, max_tokens=tokens
    )
    await decode("steady", settings, cast, emit, "")


async def _run() -> StepCost:
    passed: list[tuple[int, float]] = []
    """Tokens of the answer, and processor seconds until then."""
    tokens = 0
    with tempfile.TemporaryDirectory() as folder:
        clock = asyncio.get_running_loop().time
        log = EventLog("cost", clock=clock, sink=TraceWriter(Path(folder, "cost.jsonl")))

        def emit(event: Event) -> None:
            nonlocal tokens
            log.append(event)
            if isinstance(event, StepCommitted):
                tokens += event.tokens
                passed.append((tokens, time.process_time()))

        log.append(RunStarted(prompt="", mode=Mode.LOOKAHEAD, profile="", settings={}, models={}, started_at=""))
        await decode_steadily(LONG + _AROUND + STEP_TOKENS, emit)
    return StepCost(_mean_ms(passed, SHORT), _mean_ms(passed, LONG))


def _mean_ms(passed: Sequence[tuple[int, float]], around: int) -> float:
    times = [seconds for tokens, seconds in passed if abs(tokens - around) <= _AROUND]
    return 1000 * (times[-1] - times[0]) / (len(times) - 1)
