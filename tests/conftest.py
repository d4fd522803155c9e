"""Real model servers for every test that asks; each is started once, when the first one does."""

from collections.abc import Iterator

import pytest

from lr_demo.config import DraftModelSpeculation, NgramSpeculation
from lr_demo.serving.endpoint import Endpoint
from tests.engines import LLAMACPP_SMOL, SMOL, VLLM_SMOL, one_server, speculating


@pytest.fixture(scope="session")
def llamacpp_endpoint() -> Iterator[Endpoint]:
    """SmolLM2 on llama.cpp."""
    with one_server(LLAMACPP_SMOL) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def llamacpp_ngram_endpoint() -> Iterator[Endpoint]:
    """SmolLM2 on llama.cpp, with n-gram speculation."""
    with one_server(speculating(NgramSpeculation(method="ngram"))) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def llamacpp_draft_endpoint() -> Iterator[Endpoint]:
    """SmolLM2 on llama.cpp, with itself as the model that proposes."""
    with one_server(speculating(DraftModelSpeculation(method="draft_model", model=SMOL))) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def vllm_endpoint() -> Iterator[Endpoint]:
    """SmolLM2 on vLLM."""
    with one_server(VLLM_SMOL) as endpoint:
        yield endpoint


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one engine share a worker, other modules have theirs; the first that needs vLLM gets time to load it."""
    for item in items:
        engines = [engine for engine in ("vllm", "llamacpp") if item.get_closest_marker(engine)]
        item.add_marker(pytest.mark.xdist_group(engines[0] if engines else item.nodeid.partition("::")[0]))
        if "vllm_endpoint" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(900))
