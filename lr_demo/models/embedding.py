"""Sentence embeddings with a small local transformer, in a thread of its own so that no event loop waits for it."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from lr_demo.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_TOKENS = 256
"""Longer texts are cut: what all-MiniLM-L6-v2 was trained with."""


class LocalEmbedder:
    """Implements `Embedder` with a sentence transformer: mean of the token vectors, scaled to unit length.

    Loads (torch, tokenizer, weights; seconds) with the first call. Close it when done.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")
        self._loaded: tuple[PreTrainedTokenizerBase, PreTrainedModel] | None = None

    @property
    def name(self) -> str:
        return self._name

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit-length vector per text.

        Raises:
            ModelError: the folder holds no model that can be loaded.
        """
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._embed, list(texts))

    async def close(self) -> None:
        """End the worker thread."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _embed(self, texts: list[str]) -> list[list[float]]:
        if not texts:
            return []
        import torch

        tokenizer, model = self._load()
        batch = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            tokens = model(**batch).last_hidden_state  # [texts, tokens, width]
        mask = batch["attention_mask"].unsqueeze(-1).to(tokens.dtype)
        means = (tokens * mask).sum(dim=1) / mask.sum(dim=1)
        vectors: list[list[float]] = torch.nn.functional.normalize(means, dim=1).tolist()
        return vectors

    def _load(self) -> "tuple[PreTrainedTokenizerBase, PreTrainedModel]":
        if self._loaded is None:
            import torch
            from transformers import AutoModel, AutoTokenizer

            torch.set_num_threads(1)  # the other cores belong to the models
            try:
                tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
                model = AutoModel.from_pretrained(self._folder, local_files_only=True, dtype=torch.float32).eval()
            except (OSError, ValueError) as error:
                raise ModelError(
                    f"the embedding model {self._name} cannot be loaded from {self._folder}: {error}"
                ) from None
            self._loaded = tokenizer, model
        return self._loaded
