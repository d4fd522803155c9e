"""Drafted steps as token proposals, on the simulated models in virtual time: nothing but the time changes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo.config import DraftedSpeculation, Drafting, Mode, Proposals, VerifierKind
from lr_demo.decoding import draft_between
from lr_demo.errors import ModelError
from lr_demo.events import DraftedAhead, Role, RoleDegraded, RoleRecovered
from lr_demo.models.protocol import Chunk, GenerationRequest
from lr_demo.models.simulated import Failure, SimulatedModel
from lr_demo.models.story import SeededStory
from tests.decoding.scene import Outcome, Scene, settings

ALIKE = SeededStory(steps=40, tokens_per_step=40, spread=0.3, acceptance=0.9, identical=0.8)
DRAFTED = DraftedSpeculation(method="drafted")
BETWEEN = DraftedSpeculation(method="drafted", drafting=Drafting.BETWEEN)


def run(scene: Scene, mode: Mode, proposals: Proposals = Proposals.DRAFTED) -> Outcome:
    plan = settings(mode=mode, verifier=VerifierKind.JUDGE, lookahead=4, parallel_budget=64, max_tokens=10_000)
    return scene.run(plan.model_copy(update={"proposals": proposals}))


def plain(scene: Scene) -> Outcome:
    return scene.run(settings(mode=Mode.AUTOREGRESSIVE, max_tokens=10_000))


@pytest.mark.parametrize(("mode", "speedup"), [(Mode.SPECULATIVE, 2.5), (Mode.LOOKAHEAD_SPECULATIVE, 4.5)])
def test_a_draft_that_says_the_same_makes_the_target_several_times_as_fast(mode: Mode, speedup: float) -> None:
    scene = Scene(ALIKE, speculation=DRAFTED, draft_s=0.002)
    fast, slow = run(scene, mode), run(scene, mode, Proposals.NGRAM)
    assert slow.seconds / fast.seconds > 1.3
    assert plain(scene).seconds / fast.seconds > speedup
    counted = asyncio.run(fast.target.count())
    assert counted.mean_accepted_length is not None
    assert counted.mean_accepted_length > 3
    assert asyncio.run(slow.target.count()).drafts == 0


def test_speculation_alone_gives_the_answer_of_plain_decoding() -> None:
    scene = Scene(SeededStory(steps=30, tokens_per_step=20, acceptance=0.5, identical=0.3), speculation=DRAFTED)
    assert run(scene, Mode.SPECULATIVE).answer_ids() == plain(scene).answer_ids()


def test_a_draft_that_is_asked_between_passes_makes_the_target_several_times_as_fast() -> None:
    story = SeededStory(steps=40, tokens_per_step=40, spread=0.3, acceptance=0.95, identical=1.0)
    scene = Scene(story, speculation=BETWEEN, target_s=0.4, draft_s=0.03)
    asked, alone = run(scene, Mode.SPECULATIVE), plain(scene)
    assert asked.answer_ids() == alone.answer_ids()
    assert alone.seconds / asked.seconds > 3
    assert asked.target.accompanied == {}, "nobody is asked for a run that has ended"


def test_a_long_answer_stays_accompanied_to_its_end() -> None:
    story = SeededStory(steps=80, tokens_per_step=60, spread=0.2, acceptance=0.95, identical=0.9)
    scene = Scene(story, speculation=BETWEEN, target_s=0.4, draft_s=0.03)
    outcome = run(scene, Mode.SPECULATIVE)
    counted = asyncio.run(outcome.target.count())
    assert outcome.answer_ids() == plain(scene).answer_ids()
    assert len(outcome.answer_ids()) > 4000
    assert counted.drafts + counted.accepted_tokens > 0.95 * len(outcome.answer_ids())


@pytest.mark.parametrize(
    ("tokens", "long", "asked"), [(2, False, ["target"]), (40, True, ["target", "draft"]), (40, False, ["target"])]
)
def test_a_draft_reads_a_short_text_while_the_target_waits_a_long_one_beside_it_and_none_for_an_answer_of_a_word(
    tokens: int, long: bool, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    generate = SimulatedModel.generate

    def noted(model: SimulatedModel, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        names.append(model.name)
        return generate(model, request)

    monkeypatch.setattr(SimulatedModel, "generate", noted)
    monkeypatch.setattr(draft_between, "_READ_AT_ONCE", 5 if long else 500)
    outcome = Scene(ALIKE, speculation=BETWEEN).run(settings(mode=Mode.SPECULATIVE, max_tokens=tokens))
    assert names == asked
    assert (asyncio.run(outcome.target.count()).accepted_tokens > 0) == (tokens > 2)


@pytest.mark.parametrize(("since", "until"), [(0, 3), (5, 30)], ids=["at first", "in between"])
def test_a_draft_that_is_away_is_said_to_be_and_asked_when_it_is_back(
    since: float, until: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server is away for a time; what it is asked by the target's does not come here."""

    def there(answer: Callable[..., Awaitable[list[int]]]) -> Callable[..., Awaitable[list[int]]]:
        async def ask(model: SimulatedModel, what: object) -> list[int]:
            if model.name == "draft" and since <= asyncio.get_running_loop().time() < until:
                raise ModelError("the draft is not there")
            return await answer(model, what)

        return ask

    for question in ("chat_prompt", "encode"):
        monkeypatch.setattr(SimulatedModel, question, there(getattr(SimulatedModel, question)))
    outcome = run(Scene(ALIKE, speculation=BETWEEN, target_s=0.1, draft_s=0.01), Mode.SPECULATIVE)
    told = [event for event in outcome.events if isinstance(event, RoleDegraded | RoleRecovered)]
    assert [(event.type, event.role) for event in told] == [("role_degraded", "draft"), ("role_recovered", "draft")]
    assert told[1].t >= until
    assert asyncio.run(outcome.target.count()).accepted_tokens > 100
    assert outcome.tasks_left == 0


@examples(max_examples=100, deadline=None)
@given(
    st.builds(
        SeededStory,
        steps=st.integers(1, 6),
        tokens_per_step=st.integers(2, 12),
        acceptance=st.floats(0, 1),
        identical=st.floats(0, 1),
        seed=st.integers(0, 1000),
    ),
    st.sampled_from([0.0005, 0.004, 0.03]),
    st.integers(1, 4),
    st.sampled_from([Mode.SPECULATIVE, Mode.LOOKAHEAD_SPECULATIVE]),
    st.sampled_from([DRAFTED, BETWEEN]),
)
def test_proposals_change_only_the_time(
    story: SeededStory, draft_s: float, chunk_tokens: int, mode: Mode, speculation: DraftedSpeculation
) -> None:
    scene = Scene(story, speculation=speculation, draft_s=draft_s, chunk_tokens=chunk_tokens)
    outcome = scene.run(settings(mode=mode, verifier=VerifierKind.EXACT, max_tokens=10_000))
    without = plain(scene)
    assert outcome.answer_ids() == without.answer_ids()
    assert outcome.seconds <= without.seconds + 1e-6 or speculation is BETWEEN  # which waits for what may be wrong
    assert (outcome.target.in_flight, outcome.draft.in_flight, outcome.tasks_left) == (0, 0, 0)


def test_a_draft_that_hangs_or_fails_costs_only_its_proposals() -> None:
    for failure in (Failure(after_tokens=3, hangs=True), Failure(after_tokens=3)):
        scene = Scene(ALIKE, speculation=DRAFTED, draft_failures=dict.fromkeys(range(100), failure))
        outcome, without = run(scene, Mode.SPECULATIVE), plain(scene)
        assert outcome.answer_ids() == without.answer_ids()
        assert outcome.seconds <= without.seconds
        assert any(isinstance(event, RoleDegraded) for event in outcome.events)


def test_a_target_that_fails_in_between_goes_on_where_it_was() -> None:
    scene = Scene(ALIKE, speculation=DRAFTED, target_failures={0: Failure(after_tokens=50)})
    assert run(scene, Mode.SPECULATIVE).answer_ids() == plain(Scene(ALIKE, words=scene.words)).answer_ids()


class Overheard:
    """What the drafts were asked, and what they wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[tuple[list[int], list[int]]] = []
        generate = SimulatedModel.generate

        async def listen(model: SimulatedModel, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
            written: list[int] = []
            if model.name == "draft":
                self.requests.append((list(request.prompt), written))
            async for chunk in generate(model, request):
                written += chunk.token_ids
                yield chunk

        monkeypatch.setattr(SimulatedModel, "generate", listen)

    @property
    def tokens(self) -> int:
        return sum(len(written) for _, written in self.requests)

    def confirmed(self, answer: list[int]) -> int:
        """Tokens that stand in the answer behind the text they were drafted for."""
        whole = self.requests[0][0] + answer  # the first request is made before the target has written anything
        places: set[int] = set()
        for prompt, written in self.requests:
            pairs = zip([*prompt, *written], whole, strict=False)
            places |= set(range(len(prompt), len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))))
        return len(places)


@pytest.mark.parametrize("draft_s", [0.001, 0.006, 0.03])
@pytest.mark.parametrize(("acceptance", "identical"), [(1.0, 1.0), (0.9, 0.8), (0.5, 0.3), (0.0, 0.0)])
def test_what_a_draft_wrote_ahead_is_in_the_trace_with_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, acceptance: float, identical: float, draft_s: float
) -> None:
    overheard = Overheard(monkeypatch)
    story = SeededStory(steps=12, tokens_per_step=20, acceptance=acceptance, identical=identical)
    outcome = run(Scene(story, speculation=DRAFTED, draft_s=draft_s, chunk_tokens=3), Mode.SPECULATIVE)
    told = outcome.state.drafted_ahead
    assert told.tokens == overheard.tokens == outcome.state.tokens_written[Role.DRAFT] > 0
    assert told.confirmed == overheard.confirmed(outcome.answer_ids())
    assert [event for event in outcome.events if isinstance(event, DraftedAhead)][-1] == told


@pytest.mark.parametrize("alike", [0.7, 0.0])
def test_what_a_failed_target_takes_back_is_not_confirmed(monkeypatch: pytest.MonkeyPatch, alike: float) -> None:
    overheard = Overheard(monkeypatch)
    failures = {number: Failure(after_tokens=30) for number in range(8)}
    story = SeededStory(steps=12, tokens_per_step=40, acceptance=alike, identical=alike)
    outcome = run(Scene(story, speculation=DRAFTED, draft_s=0.006, target_failures=failures), Mode.SPECULATIVE)
    told = outcome.state.drafted_ahead
    assert told.tokens == overheard.tokens
    assert told.confirmed <= overheard.confirmed(outcome.answer_ids())


def test_steps_that_are_drafted_are_not_counted_twice() -> None:
    outcome = run(Scene(ALIKE, speculation=DRAFTED, draft_s=0.002), Mode.LOOKAHEAD_SPECULATIVE)
    assert outcome.state.drafted_ahead.tokens == 0


def test_a_run_of_the_same_prompt_does_not_profit_from_an_earlier_one() -> None:
    scene = Scene(ALIKE, speculation=DRAFTED, draft_s=0.002)
    for mode in (Mode.SPECULATIVE, Mode.LOOKAHEAD_SPECULATIVE):
        target = run(scene, mode).target
        assert target.drafts > 0
        assert target.suggested.steps == 0
