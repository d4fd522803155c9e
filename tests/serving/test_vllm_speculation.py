"""vLLM with a draft model of the catalogue inside: fetched, converted, started, its proposals counted, and sampled."""

import asyncio
import math

import httpx
import pytest

from lr_demo.config import DraftModelSpeculation
from lr_demo.models.openai_compatible import OpenAIModel
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.telemetry import read_metrics
from tests.engines import SMOL, VLLM_SMOL, one_server


@pytest.mark.vllm
@pytest.mark.timeout(900)
def test_a_draft_model_of_the_catalogue_proposes_tokens_inside_vllm() -> None:
    speculation = DraftModelSpeculation(method="draft_model", model=SMOL, tokens=3)
    exact = {"dtype": "float32"}  # in bfloat16 two tokens can be equally likely, and then there is no greedy answer
    with one_server(VLLM_SMOL.model_copy(update={"speculation": speculation, **exact})) as endpoint:
        greedy = _answer(endpoint, temperature=0)
        counted = asyncio.run(read_metrics(endpoint))
        assert _answer(endpoint, temperature=0.7, top_k=1) == greedy
        assert _answer(endpoint, temperature=0.7, top_p=1e-6) == greedy
        assert _answer(endpoint, temperature=0.01) == greedy
        assert _answer(endpoint, temperature=1.5, seed=1) != greedy
        chosen = asyncio.run(_choice(endpoint))
        assert chosen[" five"] > chosen[" six"] > math.log(0.01)
    assert counted.proposed_tokens >= 3
    assert (
        counted.accepted_tokens >= 0.7 * counted.proposed_tokens
    )  # the same model proposes; the last ones are cut off


async def _choice(endpoint: Endpoint) -> dict[str, float]:
    """As a judge is asked; twice, for the second question is put otherwise."""
    model = OpenAIModel(endpoint)
    try:
        prompt = await model.encode("One, two, three, four,")
        first = await model.choose(prompt, (" five", " six"))
        assert await model.choose(prompt, (" five", " six")) == pytest.approx(first, abs=0.01)
        return first
    finally:
        await model.close()


def _answer(endpoint: Endpoint, **sampling: float) -> str:
    body = {"model": endpoint.model, "prompt": "One, two, three, four,", "max_tokens": 24, **sampling}
    answer = httpx.post(f"{endpoint.base_url}/completions", json=body, timeout=120).raise_for_status().json()
    return str(answer["choices"][0]["text"])
