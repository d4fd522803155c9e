"""Sampling on processors, where vLLM 0.32 is wrong or slow; `vllm_worker` puts it in place."""

import torch

MOST_KEPT = 1024
"""Above so many tokens a row, sorting is as good."""


def expand(
    output: torch.Tensor,
    values: torch.Tensor,
    cumulated: torch.Tensor,
    replace_from: float,
    replace_to: float,
    most: int = 0,
) -> None:
    """Writes each request's value, [request], to the places of its tokens, [token].

    `cumulated`, [request], counts the tokens up to and with each request; one `replace_from` becomes `replace_to`.
    vLLM's own writes temperature, top-k and top-p into a copy that it throws away, and verifies proposals with
    what lay in memory: other answers, or an index error (github.com/vllm-project/vllm/issues/55005).
    """
    replaced = torch.where(values == replace_from, torch.full_like(values, replace_to), values)
    spread = replaced.repeat_interleave(torch.diff(cumulated, prepend=cumulated.new_zeros(1)))
    output[: len(spread)] = spread


def truncate(logits: torch.Tensor, k: torch.Tensor, p: torch.Tensor | None) -> torch.Tensor:
    """Leaves each row its k likeliest tokens and of these the likeliest that hold the probability p, the others −∞.

    `logits` [row, token], `k` and `p` [row]. As vLLM's own, which sorts the whole vocabulary for it (and fails on
    no rows, as where no request has proposals); of equally likely tokens it may leave others.
    """
    if not len(logits):
        return logits
    kept, tokens = logits.topk(int(k.max()), dim=1)
    kept.masked_fill_(torch.arange(kept.shape[1]) >= k.unsqueeze(1), -torch.inf)
    if p is not None:
        probabilities = kept.softmax(dim=1, dtype=torch.float32)
        likelier = probabilities.cumsum(dim=1) - probabilities
        kept.masked_fill_((likelier >= p.unsqueeze(1)) & (p < 1).unsqueeze(1), -torch.inf)
    return torch.full_like(logits, -torch.inf).scatter_(1, tokens, kept)
