"""Results that others measured, each with its source. They are never mixed with measurements of our own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishedSpeedup:
    """One pair of models on one benchmark; speedups are tokens per second over plain decoding of the same target."""

    pair: str
    benchmark: str
    acceptance: float
    """Share of drafted steps accepted, 0 to 1."""
    lookahead: float
    speculative: float
    combined: float


SOURCE = "arXiv 2506.19830, Table 1"
SETUP = "8×H100, target on two of them, judge Qwen2.5-7B, temperature 0.6, n-gram speculation of 8 tokens"
STEPS_AHEAD = 6
"""k₁ of all of them."""

_BENCHMARKS = ("AIME24", "AMC23", "GSM8K", "HumanEval", "GPQA", "MT-Bench", "LiveCodeBench")


def _pair(
    name: str,
    acceptance: tuple[float, ...],
    lookahead: tuple[float, ...],
    speculative: tuple[float, ...],
    combined: tuple[float, ...],
) -> tuple[PublishedSpeedup, ...]:
    rows = zip(_BENCHMARKS, acceptance, lookahead, speculative, combined, strict=True)
    return tuple(PublishedSpeedup(name, *row) for row in rows)


SPEEDUPS = (
    *_pair(
        "R1-Distill 1.5B → 32B",
        (0.47, 0.58, 0.63, 0.44, 0.35, 0.48, 0.47),
        (1.36, 1.48, 1.71, 1.27, 1.14, 1.27, 1.21),
        (1.53, 1.50, 1.39, 1.32, 1.48, 1.25, 1.45),
        (1.82, 2.00, 2.11, 1.54, 1.63, 1.51, 1.58),
    ),
    *_pair(
        "Qwen3 1.7B → 32B",
        (0.43, 0.53, 0.50, 0.39, 0.30, 0.38, 0.40),
        (1.12, 1.22, 1.32, 1.13, 1.04, 1.10, 1.08),
        (1.40, 1.38, 1.32, 1.32, 1.40, 1.41, 1.25),
        (1.49, 1.62, 1.68, 1.39, 1.44, 1.49, 1.32),
    ),
)
