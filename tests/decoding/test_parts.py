"""Segmentation, answers, sampling and places: the small parts of decoding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_demo.decoding.answers import boxed, final_answer
from lr_demo.decoding.sampling import family_sampling, request_seed
from lr_demo.decoding.segmentation import BLANK_LINE
from lr_demo.decoding.slots import Slots
from lr_demo.events import Role


@given(st.lists(st.text(alphabet="a\n.", min_size=1, max_size=3), min_size=1, max_size=8))
def test_a_boundary_is_found_with_the_piece_that_completes_it(pieces: list[str]) -> None:
    text = ""
    for piece in pieces:
        begun, text = text, text + piece
        if "\n\n" in begun:
            break
        assert BLANK_LINE.completes(text, len(begun)) == ("\n\n" in text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{42}", "42"),
        (r"\boxed{1} then \boxed{\frac{1}{2}} done", r"\frac{1}{2}"),
        (r"\boxed{7} and an open \boxed{8", "7"),
        ("#### 1,234", "1,234"),
        ("The final answer is: **$18**", "18"),
        ("nothing here", None),
    ],
)
def test_final_answer(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


def test_nothing_boxed() -> None:
    assert boxed("the answer is 3") is None


def test_a_temperature_of_zero_is_greedy_and_another_keeps_the_familys_rest() -> None:
    assert family_sampling("qwen2.5", 0).temperature == 0
    assert family_sampling("qwen2.5", 0).top_k == 0
    assert family_sampling("qwen2.5", 0.3).top_k == family_sampling("qwen2.5", None).top_k == 20
    assert family_sampling("qwen2.5", 0.3).temperature == 0.3
    assert family_sampling("never heard of", None) == family_sampling("default", None)


def test_seeds_differ_by_place_and_repeat() -> None:
    seeds = [request_seed(s, r, p, a) for s in (0, 1) for r in Role for p in range(5) for a in range(3)]
    assert len(set(seeds)) == len(seeds)
    assert seeds[0] == request_seed(0, Role.TARGET, 0, 0)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_places_go_to_the_most_urgent_and_never_exceed_the_limit() -> None:
    slots, started = Slots(2), list[str]()

    def start(name: str, wanted: bool = True) -> bool:
        if wanted:
            started.append(name)
        return wanted

    for urgency, name in ((0, "a"), (1, "b"), (3, "d"), (2, "c"), (1, "unwanted"), (2, "c2")):
        slots.request(urgency, lambda name=name: start(name, name != "unwanted"))  # type: ignore[misc]
    assert started == ["a", "b"]
    slots.release()
    assert started == ["a", "b", "c"]
    slots.release()
    slots.release()
    assert started == ["a", "b", "c", "c2", "d"]
