"""Mode auto where the target speculates, on simulated models in virtual time: it chooses among AR, SD, LR and LR+SD."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo.config import DraftedSpeculation, Drafting, Mode, Proposals, SimulatedSpeculation, VerifierKind
from lr_demo.decoding.memory import Memory
from lr_demo.events import DraftedAhead, Role, RoleDegraded, RoleRecovered, SettingChosen
from lr_demo.models.simulated import Failure
from lr_demo.models.story import SeededStory
from lr_demo.prediction import Costs, Pace
from tests.decoding.scene import Outcome, Scene, settings

TARGET_S = 0.026
FLAT: tuple[float, ...] = ()
SLOPING = (1.0, 1.3, 1.6, 1.9, 2.2, 2.5, 2.8, 3.1)
LINEAR = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
NEAR = 0.95
DRAFTED = DraftedSpeculation(method="drafted")
OTHER = SimulatedSpeculation(tokens=4, acceptance=0.6)
Speculation = DraftedSpeculation | SimulatedSpeculation


@dataclass(frozen=True)
class Cell:
    """A place on the grid."""

    acceptance: float
    identical: float
    batch: tuple[float, ...]
    draft: float
    """Draft time over target time, per token."""
    verdict_s: float
    contention: float = 1.0
    speculation: Speculation = DRAFTED

    def scene(self, steps: int, seed: int) -> Scene:
        return Scene(
            SeededStory(steps, 20, 0.3, self.acceptance, self.identical, seed),
            TARGET_S,
            TARGET_S * self.draft,
            self.batch,
            self.verdict_s,
            contention=self.contention,
            speculation=self.speculation,
        )

    def probed(self, faster: float = 1.0) -> Memory:
        """What a probe finds of the servers; `faster`: so much faster was the target then."""
        passes = tuple((n, TARGET_S / faster * cost) for n, cost in enumerate(self.batch or (1.0, 1.0), start=1))
        draft = Pace(((1, TARGET_S * self.draft),))
        costs = Costs(Pace(passes), draft, self.verdict_s, self.contention, self.contention)
        return Memory.of(costs, verdicts=True, paces=isinstance(self.speculation, DraftedSpeculation))


SD_WINS = [Cell(0.9, 0.8, LINEAR, 0.2, 0.02, 1.3), Cell(0.5, 0.2, LINEAR, 0.2, 0.2)]
AR_WINS = [
    Cell(0.2, 0.0, LINEAR, 0.3, 0.2, 1.5),
    Cell(0.2, 0.0, FLAT, 0.6, 0.2, 1.3),
    Cell(0.7, 0.5, LINEAR, 1.2, 0.2, 1.5),
]
BOTH_WIN = [Cell(0.9, 0.8, FLAT, 0.1, 0.02), Cell(0.8, 0.5, SLOPING, 0.25, 0.05, 1.3)]
ELSEWHERE = [Cell(0.9, 0.3, FLAT, 0.1, 0.02, speculation=OTHER), Cell(0.2, 0.0, LINEAR, 0.3, 0.2, speculation=OTHER)]
GRID = [*SD_WINS, *AR_WINS, *BOTH_WIN, *ELSEWHERE]


def run(scene: Scene, mode: Mode, lookahead: int = 1, memory: Memory | None = None) -> Outcome:
    plan = settings(mode=mode, verifier=VerifierKind.JUDGE, lookahead=lookahead, max_tokens=100_000)
    return replace(scene, memory=memory or Memory()).run(plan)


def alone(scene: Scene) -> Outcome:
    """Plain decoding on a plain target."""
    return run(replace(scene, speculation=None), Mode.AUTOREGRESSIVE)


def pace(outcome: Outcome) -> float:
    """Tokens a second."""
    return sum(step.tokens for step in outcome.state.answer) / outcome.seconds


def chosen(outcome: Outcome) -> list[SettingChosen]:
    return [event for event in outcome.events if isinstance(event, SettingChosen)]


def steps(outcome: Outcome, choices: list[SettingChosen]) -> int:
    """Steps of the answer for which these choices held."""
    told = chosen(outcome)
    ends = [*(event.step for event in told[1:]), len(outcome.state.answer)]
    return sum(end - event.step for event, end in zip(told, ends, strict=True) if event in choices)


@pytest.mark.parametrize("cell", GRID, ids=str)
@pytest.mark.parametrize("length", [10, 60])
def test_auto_does_not_lose_to_plain_decoding_on_a_plain_target(cell: Cell, length: int) -> None:
    for seed in range(2):
        scene = cell.scene(length, seed)
        least = NEAR * pace(alone(scene))
        assert pace(run(scene, Mode.AUTO)) > least, f"nothing known, seed {seed}"
        assert pace(run(scene, Mode.AUTO, memory=cell.probed())) > least, f"probed, seed {seed}"


@pytest.mark.parametrize("cell", [SD_WINS[0], BOTH_WIN[1], *ELSEWHERE], ids=str)
def test_after_a_first_run_auto_is_about_as_fast_as_the_best_fixed_scheme(cell: Cell) -> None:
    """In the mean over two answers: the best setting of a single one owes part of its lead to luck."""
    scenes = [cell.scene(150, seed) for seed in range(2)]
    fixed = [sum(1 / pace(alone(scene)) for scene in scenes)]
    fixed.append(sum(1 / pace(run(scene, Mode.SPECULATIVE)) for scene in scenes))
    for lookahead in (1, 4, 8):
        fixed.append(sum(1 / pace(run(scene, Mode.LOOKAHEAD_SPECULATIVE, lookahead)) for scene in scenes))
        plain = [replace(scene, speculation=None) for scene in scenes]
        fixed.append(sum(1 / pace(run(scene, Mode.LOOKAHEAD, lookahead)) for scene in plain))
    auto = 0.0
    for seed, scene in enumerate(scenes):
        memory = Memory()
        run(cell.scene(60, seed + 50), Mode.AUTO, memory=memory)
        auto += 1 / pace(run(scene, Mode.AUTO, memory=memory))
    assert auto < min(fixed) / NEAR


@pytest.mark.parametrize("cell", SD_WINS, ids=str)
def test_the_draft_writes_ahead_of_plain_decoding_where_lookahead_has_no_room(cell: Cell) -> None:
    outcome = run(cell.scene(60, 1), Mode.AUTO)
    ahead = [event for event in chosen(outcome) if event.drafted and not event.lookahead]
    assert "auto: SD (drafted), lookahead off since step" in ahead[0].sentence
    assert steps(outcome, ahead) > 40
    assert outcome.state.drafted_ahead.confirmed > 0


@pytest.mark.parametrize("cell", AR_WINS, ids=str)
def test_a_draft_that_slows_the_target_by_more_than_it_helps_is_switched_off(cell: Cell) -> None:
    outcome = run(cell.scene(60, 1), Mode.AUTO)
    assert steps(outcome, [event for event in chosen(outcome) if not event.drafted]) > 40


@pytest.mark.parametrize("identical", [1.0, 0.0])
def test_a_draft_on_the_target_s_cores_is_asked_between_passes_as_long_as_that_pays(identical: float) -> None:
    """As on two cores: a batch costs a sequence each, and whoever writes beside the target slows it down."""
    between = DraftedSpeculation(method="drafted", drafting=Drafting.BETWEEN)
    scene = Cell(0.9, identical, LINEAR, 0.08, 0.4, contention=2.0, speculation=between).scene(60, 1)
    outcome = run(scene, Mode.AUTO)
    assert pace(outcome) > (1.5 if identical else NEAR) * pace(alone(scene))
    asked = [event for event in chosen(outcome) if event.drafted and not event.lookahead]
    assert (steps(outcome, asked) > 40) == (identical == 1.0)
    assert outcome.target.accompanied == {}


def test_a_prompt_where_proposals_fail_does_not_keep_the_next_one_from_them() -> None:
    between = DraftedSpeculation(method="drafted", drafting=Drafting.BETWEEN)
    wrong, right = (
        Cell(0.9, identical, LINEAR, 0.25, 0.4, contention=2.0, speculation=between) for identical in (0.0, 1.0)
    )
    memory = wrong.probed()
    for cell, least in [(wrong, NEAR), (right, 1.5)] * 2:
        scene = cell.scene(10, 1)
        assert pace(run(scene, Mode.AUTO, memory=memory)) > least * pace(alone(scene))


def test_a_probe_does_not_take_a_draft_for_slow_that_only_is_so_beside_the_target() -> None:
    """As on two cores: beside the target the draft has hardly a processor, and between its passes both."""
    between = DraftedSpeculation(method="drafted", drafting=Drafting.BETWEEN)
    cell = Cell(0.9, 1.0, LINEAR, 0.09, 4.0, contention=6.0, speculation=between)
    scene = cell.scene(30, 1)
    outcome = run(scene, Mode.AUTO, memory=cell.probed())
    assert chosen(outcome)[0].drafted
    assert not any(event.lookahead for event in chosen(outcome))
    assert pace(outcome) > 1.5 * pace(alone(scene))


@pytest.mark.parametrize("faster", [0.5, 0.7, 1.5, 2.0])
@pytest.mark.parametrize("identical", [1.0, 0.7, 0.0])
def test_a_machine_that_has_become_faster_or_slower_misleads_for_some_tokens_only(
    faster: float, identical: float
) -> None:
    between = DraftedSpeculation(method="drafted", drafting=Drafting.BETWEEN)
    cell = Cell(0.9, identical, LINEAR, 0.14, 0.4, contention=2.0, speculation=between)
    for seed in range(2):
        scene = cell.scene(30, seed)
        found = pace(run(scene, Mode.AUTO, memory=cell.probed(faster)))
        assert found > NEAR * pace(alone(scene)), seed
        assert found > NEAR * pace(run(scene, Mode.SPECULATIVE)), seed


def test_lookahead_takes_drafted_proposals_along_where_both_win() -> None:
    last = chosen(run(BOTH_WIN[0].scene(60, 1), Mode.AUTO))[-1]
    assert (last.lookahead > 0, last.speculates, last.drafted) == (True, True, True)
    assert last.sentence.startswith("auto: LR+SD (drafted), γ ")


def test_without_lookahead_a_target_with_proposals_of_its_own_is_said_to_speculate() -> None:
    last = chosen(run(ELSEWHERE[1].scene(60, 1), Mode.AUTO))[-1]
    assert last.sentence.startswith("auto: SD, lookahead off since step")
    assert not any(event.drafted for event in chosen(run(ELSEWHERE[0].scene(20, 1), Mode.AUTO)))


def test_where_proposals_are_to_be_n_grams_no_draft_writes_ahead() -> None:
    plan = settings(mode=Mode.AUTO, verifier=VerifierKind.JUDGE, max_tokens=10_000, proposals=Proposals.NGRAM)
    outcome = SD_WINS[0].scene(20, 1).run(plan)
    assert outcome.target.proposed_tokens == 0
    assert not any(event.drafted for event in chosen(outcome))


@examples(max_examples=60, deadline=None)
@given(
    st.builds(
        SeededStory,
        steps=st.integers(1, 12),
        tokens_per_step=st.integers(2, 12),
        acceptance=st.floats(0, 1),
        identical=st.floats(0, 1),
        seed=st.integers(0, 1000),
    ),
    st.sampled_from([0.002, 0.006, 0.03]),
    st.integers(1, 3),
    st.sampled_from([1.0, 1.5]),
)
def test_whatever_auto_chooses_the_answer_is_plain_decoding_s(
    story: SeededStory, draft_s: float, chunk_tokens: int, contention: float
) -> None:
    scene = Scene(story, speculation=DRAFTED, draft_s=draft_s, chunk_tokens=chunk_tokens, contention=contention)
    outcome = scene.run(settings(mode=Mode.AUTO, verifier=VerifierKind.EXACT, max_tokens=10_000))
    plain = scene.run(settings(mode=Mode.AUTOREGRESSIVE, max_tokens=10_000))
    assert outcome.answer_ids() == plain.answer_ids()
    assert (outcome.target.in_flight, outcome.draft.in_flight, outcome.tasks_left) == (0, 0, 0)
    assert outcome.target.suggested.steps == 0
    told = [event.tokens for event in outcome.events if isinstance(event, DraftedAhead)]
    assert told == sorted(told)


def test_a_draft_that_fails_while_it_writes_ahead_is_back_later() -> None:
    failures = dict.fromkeys(range(4, 8), Failure(after_tokens=3))
    scene = replace(SD_WINS[0].scene(60, 1), draft_failures=failures)
    outcome = run(scene, Mode.AUTO)
    lost = [event.seq for event in outcome.events if isinstance(event, RoleDegraded) and event.role is Role.DRAFT]
    back = [event.seq for event in outcome.events if isinstance(event, RoleRecovered) and event.role is Role.DRAFT]
    assert lost
    assert back[-1] > lost[-1]
    assert chosen(outcome)[-1].drafted
    assert (outcome.target.in_flight, outcome.draft.in_flight, outcome.tasks_left) == (0, 0, 0)
