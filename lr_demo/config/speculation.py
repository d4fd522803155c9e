"""Token-level speculation of a server: where its proposals come from, and how many there are."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from lr_demo.config.strict import Strict

_Proposals = Annotated[int, Field(ge=1, le=64)]


class NgramSpeculation(Strict):
    """What followed the last time the same few tokens were written."""

    method: Literal["ngram"]
    tokens: _Proposals = 6
    """Proposals a step; 6 and 2 are the Lookahead Reasoning reference's (arXiv 2506.19830)."""
    lookup: int = Field(default=2, ge=1, le=64)
    """Tokens that must be the same."""


class SuffixSpeculation(Strict):
    """What followed the longest text that was written before, in this answer or an earlier one. vLLM only."""

    method: Literal["suffix"]
    tokens: _Proposals = 24
    """Most proposals a step."""


class DraftModelSpeculation(Strict):
    """A small model of the same tokenizer, inside the target's server."""

    method: Literal["draft_model"]
    model: str
    """As a server's `model`."""
    tokens: _Proposals = 4


class EagleSpeculation(Strict):
    """A head trained on the target's hidden states (EAGLE-3). vLLM only."""

    method: Literal["eagle3"]
    model: str
    """Path or hub id of the head that was trained for this target."""
    tokens: _Proposals = 3


class Drafting(StrEnum):
    """When the draft writes for the target's token proposals in SD."""

    BESIDE = "beside"
    """While the target computes: for a draft with devices of its own."""
    BETWEEN = "between"
    """Between two passes of the target, whose server asks it: for a draft on llama.cpp on the same cores."""


class DraftedSpeculation(Strict):
    """What the draft has written for the very step, handed over while the target writes its own; vLLM here only.

    Where nothing was drafted, n-grams.
    """

    method: Literal["drafted"]
    tokens: _Proposals = 16
    """Most proposals a step from what was drafted."""
    ngram_tokens: int = Field(default=6, ge=0, le=64)
    """Most proposals a step from n-grams, which are right less often; 0: none."""
    lookup: int = Field(default=2, ge=2, le=64)
    """Tokens that must be the same."""
    drafting: Drafting = Drafting.BESIDE


class SimulatedSpeculation(Strict):
    """Proposals that come at no cost and are right at a rate."""

    method: Literal["simulated"] = "simulated"
    tokens: _Proposals = 6
    acceptance: float = Field(default=0.5, ge=0, le=1)
    """α₂: chance that a proposal is accepted, given that those before it were."""


VllmSpeculation = Annotated[
    NgramSpeculation | SuffixSpeculation | DraftModelSpeculation | EagleSpeculation | DraftedSpeculation,
    Field(discriminator="method"),
]
LlamaCppSpeculation = Annotated[NgramSpeculation | DraftModelSpeculation, Field(discriminator="method")]
