"""What servers say of themselves is read right, and what is no metrics page is refused."""

import asyncio

import pytest

from lr_demo.errors import ServingError
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.telemetry import parse_metrics, read_metrics

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


def test_what_is_no_metrics_page_is_refused() -> None:
    with pytest.raises(ServingError, match="M tells its figures in a form this program cannot read"):
        parse_metrics("{not metrics", VLLM)


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(ServingError, match=r"M tells no figures at http://127\.0\.0\.1:9/metrics"):
        asyncio.run(read_metrics(VLLM))
