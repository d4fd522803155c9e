"""Sampling on processors leaves the tokens that vLLM's own definition leaves."""

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lr_demo.serving.cpu_sampling import expand, truncate


def by_sorting(row: torch.Tensor, k: int, p: float) -> set[int]:
    """The k likeliest, and of these the likeliest until they hold p."""
    order = row.argsort(descending=True)[:k]
    probabilities = row[order].softmax(dim=0)
    left, held = set(), 0.0
    for token, probability in zip(order.tolist(), probabilities.tolist(), strict=True):
        left.add(token)
        held += probability
        if held >= p:
            break
    return left


@examples(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.tuples(st.integers(1, 40), st.floats(0.05, 0.95)), max_size=5))
def test_what_is_left_is_top_k_and_of_it_top_p(seed: int, rows: list[tuple[int, float]]) -> None:
    logits = torch.randn(len(rows), 50, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    k, p = torch.tensor([k for k, _ in rows], dtype=torch.int32), torch.tensor([p for _, p in rows])
    left = truncate(logits, k, p)
    for row, (most, share) in enumerate(rows):
        tokens = set(left[row].isfinite().nonzero().flatten().tolist())
        assert tokens == by_sorting(logits[row], most, share)
        assert all(left[row, token] == logits[row, token] for token in tokens)


def test_top_k_alone_and_a_probability_of_one_leave_k() -> None:
    logits = torch.randn(2, 30)
    k = torch.tensor([3, 30])
    for p in (None, torch.ones(2)):
        assert truncate(logits, k, p).isfinite().sum(dim=1).tolist() == [3, 30]


@pytest.mark.parametrize("kind", [torch.float32, torch.int32, torch.int64])
def test_a_request_s_value_is_spread_over_its_tokens(kind: torch.dtype) -> None:
    output = torch.full((6,), 99, dtype=kind)
    expand(output, torch.tensor([7, 0, 5], dtype=kind), torch.tensor([2, 5, 6], dtype=torch.int32), 0, 1)
    assert output.tolist() == [7, 7, 1, 1, 1, 5]


def test_a_request_without_proposals_has_no_places() -> None:
    output = torch.zeros(2)
    expand(output, torch.tensor([0.7, 0.3]), torch.tensor([0, 2], dtype=torch.int32), -1, 1)
    assert output.tolist() == pytest.approx([0.3, 0.3])
