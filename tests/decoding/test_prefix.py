"""A prefix is the list that it stands for, whatever the text before it grows to."""

from hypothesis import given
from hypothesis import strategies as st

from lr_demo.decoding.prefix import Prefix

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
