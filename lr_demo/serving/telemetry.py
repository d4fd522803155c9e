"""What a model server counts about itself, read from its `/metrics` page."""

from contextlib import nullcontext
from dataclasses import dataclass, replace

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, TypeAdapter, ValidationError

from lr_demo.errors import NoAnswer, ServingError
from lr_demo.serving.endpoint import Endpoint

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class ServerMetrics:
    """A server's counters and gauges at one moment. Counters only grow, as long as the process lives."""

    running: int
    """Requests being worked on."""
    waiting: int
    """Requests that wait for room."""
    written_tokens: int
    """Counter: tokens generated."""
    prompt_tokens: int
    """Counter: tokens of prompts, those taken from the prefix cache among them."""
    cached_tokens: int
    """Counter: tokens of prompts that were taken from the prefix cache."""
    kv_cache_usage: float | None
    """Share of the KV cache in use, 0 to 1; None where the server does not say."""
    drafts: int
    """Counter: passes of token-level speculation that had proposals."""
    proposed_tokens: int
    """Counter: tokens proposed in them."""
    accepted_tokens: int
    """Counter: of these, tokens accepted."""
    unfinished_tokens: int = 0
    """Tokens that requests under way have written and `written_tokens` does not hold yet, where that was asked."""


_NAMES = {
    "vllm": {
        "running": "vllm:num_requests_running",
        "waiting": "vllm:num_requests_waiting",
        "written_tokens": "vllm:generation_tokens_total",
        "prompt_tokens": "vllm:prompt_tokens_total",
        "cached_tokens": "vllm:prompt_tokens_cached_total",
        "kv_cache_usage": "vllm:kv_cache_usage_perc",
        "drafts": "vllm:spec_decode_num_drafts_total",
        "proposed_tokens": "vllm:spec_decode_num_draft_tokens_total",
        "accepted_tokens": "vllm:spec_decode_num_accepted_tokens_total",
    },
    "llama.cpp": {
        "running": "llamacpp:requests_processing",
        "waiting": "llamacpp:requests_deferred",
        "written_tokens": "llamacpp:tokens_predicted_total",
        "prompt_tokens": "llamacpp:prompt_tokens_total",
        "cached_tokens": "llamacpp:prompt_tokens_cached_total",
        "drafts": "llamacpp:spec_decode_num_drafts_total",
        "proposed_tokens": "llamacpp:spec_decode_num_draft_tokens_total",
        "accepted_tokens": "llamacpp:spec_decode_num_accepted_tokens_total",
    },
}
"""Field to the name each engine gives it; engines of one server (data parallel) are added up."""


class _NextToken(BaseModel):
    n_decoded: int


class _Slot(BaseModel):
    """One of llama.cpp's slots, which works on a request or on none."""

    is_processing: bool
    next_token: list[_NextToken] = []


_SLOTS = TypeAdapter(list[_Slot])


async def read_metrics(endpoint: Endpoint, client: httpx.AsyncClient | None = None) -> ServerMetrics:
    """Ask a server for its counters: a few milliseconds, no token.

    Who asks again and again gives a `client` to ask with: making one takes longer than the question.

    Raises:
        NoAnswer: it does not answer.
        ServingError: it has no such page.
    """
    silent = f"{endpoint.name} tells no figures at {_url(endpoint, 'metrics')}"
    try:
        async with nullcontext(client) if client else httpx.AsyncClient() as asking:
            response = await _get(endpoint, "metrics", asking)
            response.raise_for_status()
    except httpx.HTTPStatusError as error:
        kind = NoAnswer if error.response.is_server_error else ServingError
        raise kind(f"{silent}: {error}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(f"{silent}: {str(error) or type(error).__name__}") from None
    return parse_metrics(response.text, endpoint)


async def read_live_metrics(endpoint: Endpoint, client: httpx.AsyncClient) -> ServerMetrics:
    """The same with what requests under way have written so far, which llama.cpp counts only when they end.

    The second question follows the first, so a request that ends between the two is missed, never counted twice.

    Raises:
        NoAnswer: it does not answer.
        ServingError: it has no such page.
    """
    metrics = await read_metrics(endpoint, client)
    if endpoint.dialect != "llama.cpp":
        return metrics
    try:
        response = await _get(endpoint, "slots", client)
        slots = _SLOTS.validate_json(response.content) if response.is_success else []
    except (httpx.HTTPError, ValidationError):  # not every server of this kind tells
        return metrics
    written = sum(token.n_decoded for slot in slots if slot.is_processing for token in slot.next_token)
    return replace(metrics, unfinished_tokens=written)


def _url(endpoint: Endpoint, page: str) -> str:
    return f"{endpoint.base_url.rstrip('/').removesuffix('/v1')}/{page}"


async def _get(endpoint: Endpoint, page: str, client: httpx.AsyncClient) -> httpx.Response:
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    return await client.get(_url(endpoint, page), headers=headers, timeout=_TIMEOUT_S)


def parse_metrics(text: str, endpoint: Endpoint) -> ServerMetrics:
    """The figures of a metrics page.

    Raises:
        ServingError: the page is not in Prometheus' text format.
    """
    names = _NAMES[endpoint.dialect]
    totals: dict[str, float] = {}
    engines: dict[str, int] = {}
    # Of hundreds of lines a dozen matter here: read alone, they take half a millisecond instead of twenty.
    wanted = [line for line in text.splitlines() if line.startswith(tuple(names.values()))]
    try:
        for family in text_string_to_metric_families("\n".join(wanted) or text):
            for sample in family.samples:
                totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
                engines[sample.name] = engines.get(sample.name, 0) + 1
    except ValueError as error:
        raise ServingError(f"{endpoint.name} tells its figures in a form this program cannot read: {error}") from None
    counts = {field: int(totals.get(name, 0)) for field, name in names.items() if field != "kv_cache_usage"}
    usage_name = names.get("kv_cache_usage", "")
    usage = totals[usage_name] / engines[usage_name] if usage_name in totals else None
    if endpoint.dialect == "llama.cpp":  # counts only what it really read
        counts["prompt_tokens"] += counts["cached_tokens"]
    return ServerMetrics(kv_cache_usage=usage, **counts)
