"""Sampling settings by model family, and the seed of every request."""

import hashlib
from dataclasses import replace

from lr_demo.events import Role
from lr_demo.models.protocol import Sampling

FAMILY_SAMPLING = {
    "qwen2.5": Sampling(temperature=0.7, top_p=0.8, top_k=20),
    "qwen3": Sampling(temperature=0.6, top_p=0.95, top_k=20),
    "deepseek-r1": Sampling(temperature=0.6, top_p=0.95),
    "smollm2": Sampling(temperature=0.2, top_p=0.9),
    "default": Sampling(temperature=0.6, top_p=0.95),
}
"""What each family's model card or generation config recommends; Qwen3's is the one for thinking."""


def family_sampling(family: str, temperature: float | None) -> Sampling:
    """The family's settings, with another temperature where one is given (0: greedy)."""
    sampling = FAMILY_SAMPLING.get(family, FAMILY_SAMPLING["default"])
    if temperature is None:
        return sampling
    return Sampling() if temperature == 0 else replace(sampling, temperature=temperature)


def request_seed(run_seed: int, role: Role, step: int, alternative: int) -> int:
    """Seed of a request, 0 … 2**31 − 1: the same for the same place in every repetition of a run."""
    digest = hashlib.blake2b(f"{run_seed} {role} {step} {alternative}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
