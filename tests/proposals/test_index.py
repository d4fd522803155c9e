"""Which drafted tokens are proposed for which sequence."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lr_demo.proposals.index import ANCHOR, Accompanied, DraftedSteps, DraftedTokens

PROMPT = list(range(100, 140))


def drafted(step: int, prefix: list[int], tokens: list[int], offset: int = 0) -> DraftedTokens:
    return DraftedTokens(step, len(prefix), tuple(prefix[-ANCHOR:]), offset, tuple(tokens))


def continuation(steps: DraftedSteps, sequence: list[int], most: int = 8) -> list[int]:
    return steps.continuation(sequence[-64:], len(sequence), most)


def test_a_sequence_at_the_start_of_the_step_gets_its_first_tokens() -> None:
    steps = DraftedSteps()
    steps.add(drafted(1, PROMPT, [1, 2, 3, 4]))
    assert continuation(steps, PROMPT, most=3) == [1, 2, 3]
    assert continuation(steps, [*PROMPT, 1, 2]) == [3, 4]
    assert continuation(steps, [*PROMPT, 1, 2, 3, 4]) == []


def test_tokens_are_proposed_as_they_arrive_and_a_gap_or_a_repeat_is_left_out() -> None:
    steps = DraftedSteps()
    steps.add(drafted(1, PROMPT, [1, 2]))
    steps.add(drafted(1, PROMPT, [9, 9], offset=3))
    steps.add(drafted(1, PROMPT, [1, 2]))
    assert continuation(steps, PROMPT) == [1, 2]
    steps.add(drafted(1, PROMPT, [3], offset=2))
    assert continuation(steps, PROMPT) == [1, 2, 3]
    steps.add(drafted(2, PROMPT[:-1], [7], offset=5))
    assert continuation(steps, PROMPT[:-1]) == []


def test_after_a_token_that_differs_two_that_agree_bring_it_back() -> None:
    steps = DraftedSteps()
    steps.add(drafted(1, PROMPT, [1, 2, 3, 4, 5, 6, 7, 8]))
    assert continuation(steps, [*PROMPT, 1, 2, 99]) == []
    assert continuation(steps, [*PROMPT, 1, 2, 99, 4]) == []
    assert continuation(steps, [*PROMPT, 1, 2, 99, 4, 5]) == [6, 7, 8]
    assert continuation(steps, [*PROMPT, 1, 2, 98, 99, 3, 4, 5]) == [6, 7, 8]


def test_the_fewer_tokens_agree_the_fewer_are_proposed() -> None:
    steps = DraftedSteps()
    written = list(range(1, 31))
    steps.add(drafted(1, PROMPT, written))
    assert continuation(steps, PROMPT, most=16) == written[:16]
    assert continuation(steps, [*PROMPT, 99, 2, 3], most=16) == written[3:7]
    assert continuation(steps, [*PROMPT, 99, 2, 3, 4], most=16) == written[4:10]


def test_a_repeated_phrase_is_followed_where_more_agrees_and_then_where_it_is_nearer() -> None:
    steps = DraftedSteps()
    steps.add(drafted(1, PROMPT, [1, 2, 3, 50, 5, 1, 2, 3, 60]))
    assert continuation(steps, [*PROMPT, 1, 2, 3], most=1) == [50]
    assert continuation(steps, [*PROMPT, 1, 2, 3, 50, 5, 1, 2, 3], most=1) == [60]
    assert continuation(steps, [*PROMPT, 90, 91, 92, 93, 94, 1, 2, 3], most=1) == [60]


def test_another_sequence_with_the_same_end_gets_nothing() -> None:
    steps = DraftedSteps()
    steps.add(drafted(1, PROMPT, [1, 2, 3, 4]))
    other = [*PROMPT[:-ANCHOR], *([7] * ANCHOR), 1, 2]
    assert continuation(steps, other) == []
    assert continuation(steps, [5, *PROMPT, 1, 2]) == []
    assert continuation(steps, PROMPT[-2:]) == []


def test_a_sequence_is_known_by_how_it_began_however_far_it_has_come() -> None:
    known = Accompanied(1, len(PROMPT), tuple(PROMPT[-ANCHOR:]))
    for more in ([], [1], list(range(40))):
        assert known.begins([*PROMPT, *more], len(PROMPT) + len(more))
    assert not known.begins([*PROMPT[1:], 1], len(PROMPT))
    assert not known.begins(PROMPT[:-1], len(PROMPT) - 1)
    assert not known.begins([1] * 8, len(PROMPT) + 100)  # too far back to be seen


def test_of_two_steps_for_one_prefix_the_one_that_agrees_is_followed() -> None:
    steps = DraftedSteps()
    steps.add(drafted(1, PROMPT, [1, 2, 3, 4]))
    steps.add(drafted(2, PROMPT, [1, 5, 6, 7]))
    assert continuation(steps, [*PROMPT, 1, 5]) == [6, 7]
    assert continuation(steps, [*PROMPT, 1, 2]) == [3, 4]


def test_a_step_goes_on_in_the_one_drafted_behind_it() -> None:
    steps = DraftedSteps()
    steps.add(drafted(1, PROMPT, [1, 2]))
    steps.add(drafted(2, [*PROMPT, 1, 2], [3, 4]))
    assert continuation(steps, [*PROMPT, 1, 2]) == [3, 4]


def test_a_step_that_is_withdrawn_is_forgotten() -> None:
    steps = DraftedSteps()
    steps.add(drafted(1, PROMPT, [1, 2]))
    steps.add(drafted(2, PROMPT, [3]))
    steps.add(drafted(1, PROMPT, [], offset=2))
    steps.add(drafted(7, PROMPT, []))
    assert continuation(steps, PROMPT) == [3]


def test_the_oldest_steps_make_room() -> None:
    steps = DraftedSteps(remembered=2)
    for step in range(3):
        steps.add(drafted(step, [*PROMPT, step], [200 + step]))
    assert [continuation(steps, [*PROMPT, step]) for step in range(3)] == [[], [201], [202]]


tokens = st.lists(st.integers(0, 3), min_size=2, max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(tokens, tokens), max_size=8), tokens, st.integers(1, 5))
def test_what_is_proposed_is_always_the_continuation_of_an_end_in_common(
    pairs: list[tuple[list[int], list[int]]], sequence: list[int], most: int
) -> None:
    steps = DraftedSteps(remembered=4)
    for name, (prefix, written) in enumerate(pairs):
        steps.add(drafted(name, prefix, written))
    found = continuation(steps, sequence, most)
    assert len(found) <= most
    texts = [prefix + written for prefix, written in pairs if sequence[: len(prefix)][-ANCHOR:] == prefix[-ANCHOR:]]
    ends = [text[index:] for text in texts for index in range(2, len(text)) if text[index - 2 : index] == sequence[-2:]]
    assert not found or any(end[: len(found)] == found for end in ends)
