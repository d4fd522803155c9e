"""Weights that tests of the models need."""

import asyncio
from pathlib import Path

import pytest

from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CATALOGUE
from lr_demo.serving.weights import Weights


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """all-MiniLM-L6-v2, fetched where it is not in the cache."""
    return asyncio.run(Weights(Cache.default()).ensure(CATALOGUE["all-minilm-l6-v2"], lambda *_: None))
