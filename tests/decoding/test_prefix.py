"""A prefix is the list that it stands for, whatever the text before it grows to."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from lr_demo.benchmark.step_cost import decode_steadily
from lr_demo.decoding.prefix import Prefix
from lr_demo.events import Event, StepCommitted
from lr_demo.models.virtual_time import run_virtual

BYTES_OF_A_PLACE = 8
"""Of a list: a copy of the text takes as many for every token."""
ids = st.lists(st.integers(0, 9), max_size=6)
bounds = st.none() | st.integers(-14, 14)


@given(ids, ids, ids, st.slices(12) | st.builds(slice, bounds, bounds))
def test_a_prefix_stays_what_it_was_when_the_text_grows(
    text: list[int], beyond: list[int], more: list[int], part: slice
) -> None:
    whole = text + beyond
    prefix = Prefix(text, tuple(beyond))
    text += more
    assert (len(prefix), list(prefix), prefix[part]) == (len(whole), whole, whole[part])
    assert [prefix[place] for place in range(-len(whole), len(whole))] == whole + whole


@given(ids, ids, ids, st.lists(ids, max_size=4))
def test_what_follows_a_prefix_is_behind_it_whether_the_text_has_become_that_or_not(
    text: list[int], beyond: list[int], other: list[int], parts: list[list[int]]
) -> None:
    whole, became = [*text, *beyond], [*text]
    prefix, elsewhere = Prefix(became, tuple(beyond)), Prefix([*text], tuple(beyond))
    behind = Prefix(text, tuple(beyond))
    text += other
    for part in parts:
        became += whole[len(became) :]
        whole += part
        prefix, elsewhere, behind = (each.followed_by(part) for each in (prefix, elsewhere, behind))
        assert list(prefix) == list(elsewhere) == list(behind) == whole


def test_no_step_copies_the_text_before_it() -> None:
    """Of the last two hundred: a list that has grown moves as a whole now and then."""
    copied: list[bool] = []
    tokens = 0

    def emit(event: Event) -> None:
        nonlocal tokens
        if isinstance(event, StepCommitted):
            tokens += event.tokens
            now, most = tracemalloc.get_traced_memory()
            copied.append(most - now > tokens * BYTES_OF_A_PLACE * 0.8)
            tracemalloc.reset_peak()

    tracemalloc.start()
    try:
        run_virtual(decode_steadily(20_000, emit))
    finally:
        tracemalloc.stop()
    assert len(copied) > 400
    assert sum(copied[-200:]) < 20
