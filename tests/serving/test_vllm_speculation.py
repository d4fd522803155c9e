"""vLLM with a draft model of the catalogue inside: fetched, converted, started, and its proposals counted."""

import asyncio

import httpx
import pytest

from lr_demo.config import DraftModelSpeculation
from lr_demo.serving.telemetry import read_metrics
from tests.engines import SMOL, VLLM_SMOL, one_server


@pytest.mark.vllm
@pytest.mark.timeout(900)
def test_a_draft_model_of_the_catalogue_proposes_tokens_inside_vllm() -> None:
    speculation = DraftModelSpeculation(method="draft_model", model=SMOL, tokens=3)
    with one_server(VLLM_SMOL.model_copy(update={"speculation": speculation})) as endpoint:
        body = {"model": endpoint.model, "prompt": "One, two, three, four,", "max_tokens": 24, "temperature": 0}
        httpx.post(f"{endpoint.base_url}/completions", json=body, timeout=120).raise_for_status()
        counted = asyncio.run(read_metrics(endpoint))
    assert counted.proposed_tokens >= 3
    assert (
        counted.accepted_tokens >= 0.7 * counted.proposed_tokens
    )  # the same model proposes; the last ones are cut off
