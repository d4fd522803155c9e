"""The local sentence embedder, on the real weights where this machine has them."""

import asyncio
import math
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from lr_demo.errors import ModelError
from lr_demo.models.embedding import LocalEmbedder

pytestmark = pytest.mark.packages

SENTENCES = [
    "The ducks lay 16 eggs each day.",
    "Every day 16 eggs are laid by the ducks.",
    "The train leaves the station at noon.",
]


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_like_sentences_are_near_and_others_far(minilm_folder: Path) -> None:
    async def embedded() -> list[list[float]]:
        embedder = LocalEmbedder(minilm_folder, "MiniLM")
        try:
            together = await embedder.embed(SENTENCES)
            alone = [(await embedder.embed([sentence]))[0] for sentence in SENTENCES]
            assert await embedder.embed([]) == []
        finally:
            await embedder.close()
        for one, other in zip(together, alone, strict=True):
            assert one == pytest.approx(other, abs=1e-5)  # padding beside longer texts changes nothing
        return together

    eggs, same_eggs, train = asyncio.run(embedded())
    assert math.isclose(cosine(eggs, eggs), 1, abs_tol=1e-5)
    assert cosine(eggs, same_eggs) > 0.85
    assert cosine(eggs, train) < 0.3


def test_the_loop_goes_on_while_it_loads_and_embeds(minilm_folder: Path) -> None:
    async def longest_pause() -> float:
        embedder = LocalEmbedder(minilm_folder, "MiniLM")
        work = asyncio.create_task(embedder.embed(SENTENCES * 20))
        pauses, last = [0.0], time.perf_counter()
        while not work.done():
            await asyncio.sleep(0.005)
            pauses.append(time.perf_counter() - last)
            last = time.perf_counter()
        await work
        await embedder.close()
        return sorted(pauses)[len(pauses) // 2]

    assert asyncio.run(longest_pause()) < 0.1


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    async def run() -> None:
        embedder = LocalEmbedder(tmp_path, "MiniLM")
        with pytest.raises(ModelError, match=f"MiniLM cannot be loaded from {tmp_path}"):
            await embedder.embed(["a"])
        await embedder.close()

    asyncio.run(run())
