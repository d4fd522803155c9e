"""A server counts as ready when a real completion came back from it, not before."""

import asyncio

import httpx
from pydantic import BaseModel, ValidationError

from lr_demo.errors import ServingError
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.status import AddressStatus

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


async def check_addresses(endpoint: Endpoint) -> tuple[AddressStatus, ...]:
    """Ask every address of a server for a token: which answer, and what is wrong with the others."""

    async def check(address: Endpoint) -> AddressStatus:
        try:
            await check_completion(address)
        except ServingError as error:
            return AddressStatus(address.base_url, str(error))
        return AddressStatus(address.base_url)

    return tuple(await asyncio.gather(*map(check, endpoint.each())))
