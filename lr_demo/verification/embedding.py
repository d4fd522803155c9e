"""Accepts by the cosine between the two steps' sentence embeddings."""

from lr_demo.config import VerifierKind
from lr_demo.models.protocol import Embedder
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement


async def cosine_of(embedder: Embedder, comparison: Comparison) -> float:
    """The cosine between the two steps' embeddings, −1 to 1.

    Raises:
        ModelError: the embedder failed.
    """
    drafted, target = await embedder.embed([comparison.drafted_text, comparison.target_text])
    return sum(a * b for a, b in zip(drafted, target, strict=True))


class EmbeddingVerifier:
    """Accepts at a cosine of at least `threshold`, 0 to 1. It sees topics better than numbers."""

    method = VerifierKind.EMBEDDING.value
    compares_identity = False

    def __init__(self, embedder: Embedder, threshold: float) -> None:
        self._embedder, self._threshold = embedder, threshold

    async def warm_up(self) -> None:
        """Have the embedding model loaded, which takes seconds.

        Raises:
            ModelError: it failed.
        """
        await self._embedder.embed(["a step"])

    def foresee(self, drafted: DraftedStep) -> Foresight | None:
        return None  # a step's meaning is that of its whole text

    async def verify(self, comparison: Comparison) -> Judgement:
        cosine = await cosine_of(self._embedder, comparison)
        accepted = cosine >= self._threshold
        return Judgement(
            accepted, cosine, f"cosine {cosine:.2f} is {'at least' if accepted else 'below'} {self._threshold:g}"
        )
