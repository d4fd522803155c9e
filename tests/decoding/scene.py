"""A whole run on simulated models in virtual time, with what tests want to know of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from lr_demo.config import (
    DraftedSpeculation,
    Drafting,
    Mode,
    Proposals,
    RunSettings,
    SimulatedSpeculation,
    VerifierKind,
)
from lr_demo.decoding.engine import Cast, decode
from lr_demo.decoding.memory import Memory
from lr_demo.errors import ModelError
from lr_demo.events import Event
from lr_demo.models.protocol import GREEDY, Sampling
from lr_demo.models.simulated import TRIPLES, WORDS, Failure, SimulatedModel, Vocabulary
from lr_demo.models.story import SeededStory, Story, Voice
from lr_demo.models.virtual_time import run_virtual
from lr_demo.run_state import RunState, StepKey, fold
from lr_demo.verification.exact import ExactVerifier
from lr_demo.verification.protocol import StepScorer, Verifier
from lr_demo.verification.simulated import SimulatedVerifier


@dataclass
class Scene:
    """Everything that decides a simulated run."""

    story: Story = field(default_factory=lambda: SeededStory(steps=6, tokens_per_step=4))
    target_s: float = 0.013
    draft_s: float = 0.0025
    batch_cost: tuple[float, ...] = ()
    verdict_s: float = 0.02
    same_vocabulary: bool = True
    chunk_tokens: int = 1
    sampling: Sampling = GREEDY
    target_failures: Mapping[int, Failure] = field(default_factory=dict)
    draft_failures: Mapping[int, Failure] = field(default_factory=dict)
    verifier: Verifier | None = None
    scorer: StepScorer | None = None
    context: int = 2**31
    speculation: SimulatedSpeculation | DraftedSpeculation | None = None
    """The target's, whatever the mode."""
    contention: float = 1.0
    """Factor on a pass of target and draft while the other is at work."""
    memory: Memory = field(default_factory=Memory)
    """What earlier runs have shown, for mode auto."""

    words: Vocabulary = field(default_factory=lambda: Vocabulary("words", WORDS), repr=False)
    """The target's, shared by all runs of the scene so that ids can be compared."""

    def models(self) -> tuple[SimulatedModel, SimulatedModel]:
        words = self.words
        other = words if self.same_vocabulary else Vocabulary("triples", TRIPLES)
        target = SimulatedModel(
            "target",
            self.story,
            Voice.TARGET,
            words,
            self.target_s,
            self.batch_cost,
            self.chunk_tokens,
            self.verdict_s,
            self.target_failures,
            context=self.context,
            speculation=self.speculation,
        )
        draft = SimulatedModel(
            "draft",
            self.story,
            Voice.DRAFT,
            other,
            self.draft_s,
            chunk_tokens=self.chunk_tokens,
            failures=self.draft_failures,
            context=self.context,
        )
        target.beside, draft.beside = draft, target
        target.contention = draft.contention = self.contention
        return target, draft

    def run(self, settings: RunSettings) -> "Outcome":
        return run_virtual(self.arun(settings))

    async def arun(self, settings: RunSettings) -> "Outcome":
        """A run that succeeds, or raises."""
        outcome = await self.attempt(settings)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def attempt(self, settings: RunSettings) -> "Outcome":
        """A run that may fail: then its reason is empty, and its error is kept."""
        target, draft = self.models()
        verifier = self.verifier or (
            ExactVerifier() if settings.verifier is VerifierKind.EXACT else SimulatedVerifier("judge", self.verdict_s)
        )
        drafted = isinstance(self.speculation, DraftedSpeculation)
        suggests = settings.mode is Mode.AUTO or settings.mode.speculates_tokens
        cast = Cast(
            target,
            self.sampling,
            draft,
            self.sampling,
            verifier,
            self.scorer,
            self.memory,
            proposes=self.speculation is not None and not drafted,
            takes_drafted=drafted and suggests and settings.proposals is Proposals.DRAFTED,
            drafts_between=isinstance(self.speculation, DraftedSpeculation)
            and self.speculation.drafting is Drafting.BETWEEN,
        )
        clock = asyncio.get_running_loop().time
        began = clock()
        events: list[Event] = []

        def emit(event: Event) -> None:
            event.seq, event.t = len(events), clock() - began
            events.append(event)

        reason, error = "", None
        try:
            reason = await decode("How many?", settings, cast, emit, "Think.")
        except ModelError as failure:
            error = failure
        others = asyncio.all_tasks() - {asyncio.current_task()}
        return Outcome(reason, events, fold(events), clock() - began, target, draft, len(others), error)


@dataclass
class Outcome:
    reason: str
    events: list[Event]
    state: RunState
    seconds: float
    target: SimulatedModel
    draft: SimulatedModel
    tasks_left: int
    error: ModelError | None = None

    def answer_ids(self) -> list[int]:
        """The answer in the target's vocabulary."""
        ids: list[int] = []
        for step in self.state.answer:
            written = self.state.steps[StepKey(*step.key)]
            same = step.key.role == "target" or self.draft.words is self.target.words
            ids += written.token_ids if same else self.target.words.encode(written.text)
        return ids


def settings(**given: object) -> RunSettings:
    """Run settings for tests: lookahead with the exact verifier unless said otherwise."""
    return RunSettings.model_validate({"mode": Mode.LOOKAHEAD, "verifier": VerifierKind.EXACT, **given})
