"""Real model servers for every test that asks; each is started once, when the first one does."""

from collections.abc import Iterator

import pytest

from lr_demo.config import DraftModelSpeculation, NgramSpeculation
from lr_demo.garbage import keep_what_is_there
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the worker it belongs to, before pytest-xdist reads that in the same hook.

    Tests of one engine share a worker, as they share its servers, and come first, for they take longest. Other modules
    go where there is room. The first test that needs vLLM gets time to load it.
    """
    engines = ("vllm", "llamacpp")
    needed = {item: next((engine for engine in engines if item.get_closest_marker(engine)), None) for item in items}
    items.sort(key=lambda item: engines.index(engine) if (engine := needed[item]) else len(engines))
    for item, engine in needed.items():
        item.add_marker(pytest.mark.xdist_group(engine or item.nodeid.partition("::")[0]))
        if "vllm_endpoint" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(900))


def pytest_collection_finish() -> None:
    """What was imported stays: to search it for garbage again and again is a seventh of a long test's time."""
    keep_what_is_there()
