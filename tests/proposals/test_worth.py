"""How many proposals a pass takes, for targets whose passes cost this or that and drafts that are right so often."""

import random

import pytest

from lr_demo.proposals.worth import Worth

MOST = 8


def passes(worth: Worth, base: float, each: float, right: float, rows: int = 1, count: int = 200) -> list[int]:
    """Proposals taken in each pass, of as many as there may be for every sequence."""
    dice, taken = random.Random(1), []
    for _ in range(count):
        offered = [dice.choice([0, MOST, MOST, MOST]) for _ in range(rows)]
        most = worth.take(offered)
        accepted = [next((n for n in range(k) if dice.random() >= right), k) for k in most]
        tokens = rows + sum(most)
        worth.passed((base + each * tokens) * dice.uniform(0.95, 1.05), list(zip(most, accepted, strict=True)))
        taken += [k for k, o in zip(most, offered, strict=True) if o]
    return taken


def best(base: float, each: float, right: float) -> int:
    def tokens_a_second(proposals: int) -> float:
        return sum(right**n for n in range(proposals + 1)) / (base + each * (1 + proposals))

    return max(range(MOST + 1), key=tokens_a_second)


@pytest.mark.parametrize(("base", "each"), [(0.3, 0.045), (0.1, 0.05), (0.013, 1e-5)])
@pytest.mark.parametrize("right", [0.2, 0.5, 0.8, 0.98])
def test_most_passes_take_about_as_many_as_are_best(base: float, each: float, right: float) -> None:
    taken = passes(Worth(), base, each, right)[50:]
    wanted = best(base, each, right)
    near = [k for k in taken if abs(k - wanted) <= 1 or (each < 1e-4 and k >= 2)]  # where more costs next to nothing
    assert len(near) > 0.75 * len(taken)


def drafted(base: float, each: float, right: float, request_s: float, token_s: float, count: int = 300) -> list[int]:
    """Proposals drafted before each pass, where the draft has to be waited for."""
    worth, dice, taken = Worth(), random.Random(2), []
    for _ in range(count):
        most = worth.draft(16, request_s, token_s)
        accepted = next((n for n in range(most) if dice.random() >= right), most)
        worth.passed((base + each * (1 + most)) * dice.uniform(0.95, 1.05), [(most, accepted)])
        taken.append(most)
    return taken


@pytest.mark.parametrize(("base", "each", "request_s", "token_s"), [(0.35, 0.02, 0.05, 0.03), (0.07, 0.01, 0.02, 0.02)])
@pytest.mark.parametrize("right", [0.3, 0.6, 0.85])
def test_where_the_draft_is_waited_for_about_as_much_is_drafted_as_is_best(
    base: float, each: float, request_s: float, token_s: float, right: float
) -> None:
    def rate(proposals: int) -> float:
        seconds = base + each * (1 + proposals) + request_s + token_s * proposals
        return sum(right**n for n in range(proposals + 1)) / seconds

    taken = drafted(base, each, right, request_s, token_s)[100:]
    best = max(map(rate, range(1, 17)))
    assert sum(rate(k) for k in taken) / len(taken) > 0.93 * best
    assert min(taken) >= 1


def test_all_are_taken_while_nothing_is_known() -> None:
    assert Worth().take([3, 0, MOST]) == [3, 0, MOST]


def test_sequences_share_what_a_pass_can_bear() -> None:
    worth = Worth()
    passes(worth, base=0.3, each=0.045, right=0.6, rows=4)
    one, several = worth.take([MOST]), worth.take([MOST] * 4)
    assert max(several) - min(several) <= 1
    assert max(several) <= one[0]


def test_a_draft_that_gets_better_is_believed_again() -> None:
    worth = Worth()
    passes(worth, base=0.1, each=0.05, right=0.0)
    assert worth.acceptance < 0.5
    passes(worth, base=0.1, each=0.05, right=0.98)
    assert worth.acceptance > 0.9


def test_a_text_that_the_draft_does_not_know_is_soon_drafted_less_whatever_came_before() -> None:
    worth = Worth()
    for right in (True, False):
        worth.begins_another()
        for _ in range(60 if right else 6):
            most = worth.draft(16, 0.01, 0.018)
            worth.passed(0.078 + 0.0035 * most, [(most, most if right else 0)])
        assert (worth.draft(16, 0.01, 0.018) > 8) == right
    assert worth.draft(16, 0.01, 0.018) <= 2
