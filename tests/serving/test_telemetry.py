"""What servers say of themselves is read right, and what is no metrics page is refused."""

import asyncio

import httpx
import pytest

from lr_demo.errors import NoAnswer, ServingError
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.telemetry import parse_metrics, read_live_metrics, read_metrics

VLLM = Endpoint("http://127.0.0.1:9/v1", "vllm", "m", "M", "v", "f")
LLAMA_CPP = Endpoint("http://127.0.0.1:9/v1", "llama.cpp", "m", "M", "v", "f")


def test_engines_of_one_vllm_server_are_added_up_and_their_cache_use_averaged() -> None:
    page = """
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 2.0
vllm:num_requests_running{engine="1",model_name="m"} 1.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.5
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.1
# TYPE vllm:prompt_tokens counter
vllm:prompt_tokens_total{engine="0",model_name="m"} 100.0
# TYPE vllm:prompt_tokens_cached counter
vllm:prompt_tokens_cached_total{engine="0",model_name="m"} 60.0
# TYPE vllm:spec_decode_num_drafts counter
vllm:spec_decode_num_drafts_total{engine="0",model_name="m"} 10.0
# TYPE vllm:spec_decode_num_draft_tokens counter
vllm:spec_decode_num_draft_tokens_total{engine="0",model_name="m"} 40.0
# TYPE vllm:spec_decode_num_accepted_tokens counter
vllm:spec_decode_num_accepted_tokens_total{engine="0",model_name="m"} 25.0
"""
    metrics = parse_metrics(page, VLLM)
    assert (metrics.running, metrics.waiting) == (3, 0)
    assert metrics.kv_cache_usage == pytest.approx(0.3)
    assert (metrics.prompt_tokens, metrics.cached_tokens) == (100, 60)
    assert (metrics.drafts, metrics.proposed_tokens, metrics.accepted_tokens) == (10, 40, 25)


def test_llama_cpp_counts_cached_tokens_apart_and_tells_no_cache_use() -> None:
    page = """
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 189
# TYPE llamacpp:prompt_tokens_cached_total counter
llamacpp:prompt_tokens_cached_total 830
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 4
"""
    metrics = parse_metrics(page, LLAMA_CPP)
    assert (metrics.prompt_tokens, metrics.cached_tokens) == (1019, 830)
    assert (metrics.waiting, metrics.kv_cache_usage, metrics.drafts) == (4, None, 0)


def answering(pages: dict[str, str]) -> httpx.AsyncClient:
    """A client of a server that has these pages."""

    def answer(request: httpx.Request) -> httpx.Response:
        page = pages.get(request.url.path)
        return httpx.Response(404) if page is None else httpx.Response(200, text=page)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


COUNTED = "llamacpp:tokens_predicted_total 702\n"


@pytest.mark.parametrize(
    ("slots", "unfinished"),
    [
        (
            '[{"id": 0, "is_processing": false}, {"id": 1, "is_processing": true, "next_token": [{"n_decoded": 18}]},'
            ' {"id": 2, "is_processing": true, "next_token": [{"n_decoded": 5}]},'
            ' {"id": 3, "is_processing": false, "next_token": [{"n_decoded": 99}]}]',
            23,
        ),
        ('{"error": "not here"}', 0),
        (None, 0),
    ],
)
def test_what_llama_cpp_is_writing_is_read_from_its_slots_where_it_shows_them(
    slots: str | None, unfinished: int
) -> None:
    pages = {"/metrics": COUNTED} | ({"/slots": slots} if slots is not None else {})
    metrics = asyncio.run(read_live_metrics(LLAMA_CPP, answering(pages)))
    assert (metrics.written_tokens, metrics.unfinished_tokens) == (702, unfinished)


def test_vllm_counts_every_token_at_once() -> None:
    pages = {"/metrics": "vllm:generation_tokens_total 7\n", "/slots": "[]"}
    assert asyncio.run(read_live_metrics(VLLM, answering(pages))).written_tokens == 7


def test_what_is_no_metrics_page_is_refused() -> None:
    with pytest.raises(ServingError, match="M tells its figures in a form this program cannot read"):
        parse_metrics("{not metrics", VLLM)


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(NoAnswer, match=r"M tells no figures at http://127\.0\.0\.1:9/metrics"):
        asyncio.run(read_metrics(VLLM))


@pytest.mark.parametrize(("status", "kind"), [(404, ServingError), (401, ServingError), (502, NoAnswer)])
def test_a_server_without_figures_is_not_one_that_does_not_answer(status: int, kind: type[ServingError]) -> None:
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(status)))
    with pytest.raises(ServingError, match=f"M tells no figures at .*{status}") as caught:
        asyncio.run(read_metrics(VLLM, client))
    assert type(caught.value) is kind
