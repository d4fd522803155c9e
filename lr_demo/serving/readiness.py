"""A server counts as ready when a real completion came back from it, not before."""

import asyncio
from dataclasses import replace

import httpx
from pydantic import BaseModel, ValidationError

from lr_demo.errors import ServingError
from lr_demo.serving.endpoint import Endpoint

_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
"""Seconds: the first request may compile."""
_CONNECT_RETRIES = 3


class _Choice(BaseModel):
    text: str


class _Completion(BaseModel):
    choices: list[_Choice]


async def check_completion(endpoint: Endpoint) -> None:
    """Ask for one token.

    Raises:
        ServingError: no completion came back; says what did.
    """
    request = {"model": endpoint.model, "prompt": "1 + 1 =", "max_tokens": 1, "temperature": 0}
    url = f"{endpoint.base_url.rstrip('/')}/completions"
    transport = httpx.AsyncHTTPTransport(retries=_CONNECT_RETRIES)
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    try:
        async with httpx.AsyncClient(transport=transport, timeout=_TIMEOUT, headers=headers) as client:
            response = await client.post(url, json=request)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServingError(
            f"{endpoint.name} does not answer at {endpoint.base_url} ({str(error) or type(error).__name__}): "
            "is the address right, and the server up?"
        ) from None
    if response.status_code != httpx.codes.OK:
        raise ServingError(
            f"{endpoint.name} at {endpoint.base_url} answers HTTP {response.status_code}: {response.text.strip()[:300]}"
        )
    try:
        answered = _Completion.model_validate_json(response.content)
    except ValidationError:
        raise ServingError(
            f"what answers at {endpoint.base_url} is no OpenAI-compatible server: {response.text.strip()[:300]}"
        ) from None
    if not answered.choices:
        raise ServingError(f"{endpoint.name} at {endpoint.base_url} answers without a completion")


async def check_replicas(endpoint: Endpoint, addresses: list[str]) -> tuple[Endpoint, list[str]]:
    """Ask every address of a server for a token: the endpoint with those that answer, and what is wrong with others.

    Raises:
        ServingError: no completion came back from any of them.
    """
    asked = (check_completion(replace(endpoint, base_url=address)) for address in addresses)
    answers = dict(zip(addresses, await asyncio.gather(*asked, return_exceptions=True), strict=True))
    problems = []
    for answer in answers.values():
        if isinstance(answer, ServingError):
            problems.append(str(answer))
        elif answer is not None:
            raise answer
    if len(problems) == len(addresses):
        raise ServingError("; ".join(problems))
    first, *others = (address for address, answer in answers.items() if answer is None)
    return replace(endpoint, base_url=first, replicas=tuple(others)), problems
