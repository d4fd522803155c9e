"""HTTP to one model server through the `openai` client: typed answers, streams, and one kind of error."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import TypeVar

import httpx2
import openai
import orjson
from openai import AsyncOpenAI, AsyncStream
from pydantic import BaseModel, ValidationError

from lr_demo import limits
from lr_demo.errors import ModelError, RequestRefused, ServerGone
from lr_demo.serving.endpoint import Endpoint

_WORTH_ASKING_AGAIN = frozenset({408, 409, 425, 429})
_KEEP_ALIVE_S = 2.0
"""Less than the servers' own 5 s, so that none closes a connection in the moment it is used again."""

_BROKEN = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)
"""What is behind a request whose connection broke; one that was never made, or is silent, is neither."""

T = TypeVar("T")
Shape = TypeVar("Shape", bound=BaseModel)


class Connection:
    """The one client of a model server; any number of requests at once.

    A request whose connection breaks before the answer begins is sent once more, on a connection made for it: a
    server may close one that idled in the moment in which it is used again. That may be repeated which does no
    harm (RFC 9110, section 9.2.2), and here it does none: what is asked of a model changes nothing at its server.

    `given_up` says why nobody will start the server again, or None while it is up or may come back.
    """

    def __init__(self, endpoint: Endpoint, given_up: Callable[[], str | None] = lambda: None) -> None:
        self.name = endpoint.name
        self.model = endpoint.model
        self._base_url = endpoint.base_url.rstrip("/")
        self._root = self._base_url.removesuffix("/v1")
        self._given_up = given_up
        self._client = AsyncOpenAI(
            base_url=self._base_url,
            api_key=endpoint.api_key,
            max_retries=0,  # whether to try again is for the engine to say
            http_client=_http_client(httpx2.Limits(max_connections=None, keepalive_expiry=_KEEP_ALIVE_S)),
        )
        self._without_keeping: AsyncOpenAI | None = None
        """The same with a new connection for each request; made when it is first needed."""

    async def get(self, path: str, shape: type[Shape]) -> Shape:
        """The answer to a GET below `/v1`.

        Raises:
            ModelError: no answer, or not of this shape.
        """
        with self._failures():
            return shape.model_validate(await self._ask(lambda client: client.get(path, cast_to=object)))

    async def post(
        self, path: str, body: Mapping[str, object], shape: type[Shape], *, silence_s: float = limits.SHORT_ANSWER_S
    ) -> Shape:
        """The answer to a POST; `path` is from the server's root, as in `/tokenize`. `silence_s`: how long it may take.

        Raises:
            ModelError: no answer, or not of this shape.
        """
        with self._failures():
            content = orjson.dumps(body)
            answer = await self._ask(
                lambda client: client.post(
                    self._root + path, cast_to=object, content=content, options={"timeout": _timeout(silence_s)}
                )
            )
            return shape.model_validate(answer)

    async def stream(self, path: str, body: Mapping[str, object], shape: type[Shape]) -> AsyncGenerator[Shape, None]:
        """The server-sent events of a POST. Closing the generator closes the connection, which ends the work there.

        How long the server may be silent is for the reader to say; here is only the backstop
        `limits.STREAM_SILENCE_S`.

        Raises:
            ModelError: no answer, one that breaks off, or not of this shape.
        """
        with self._failures():
            content = orjson.dumps(body)
            stream = await self._ask(
                lambda client: client.post(
                    self._root + path,
                    cast_to=object,
                    content=content,
                    options={"timeout": _timeout(limits.STREAM_SILENCE_S)},
                    stream=True,
                    stream_cls=AsyncStream[object],
                )
            )
            async with aclosing(stream):
                async for event in stream:
                    yield shape.model_validate(event)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()
        if self._without_keeping is not None:
            await self._without_keeping.close()

    async def _ask(self, ask: Callable[[AsyncOpenAI], Awaitable[T]]) -> T:
        """The answer to a request, or its beginning where it is streamed."""
        try:
            return await ask(self._client)
        except openai.APIConnectionError as error:
            if not isinstance(error.__cause__, _BROKEN):
                raise
        if self._without_keeping is None:
            fresh = _http_client(httpx2.Limits(max_connections=None, max_keepalive_connections=0))
            self._without_keeping = self._client.copy(http_client=fresh)
        return await ask(self._without_keeping)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Every failure of a request as a ModelError that names the model and what happened."""
        try:
            yield
        except openai.APIStatusError as error:
            refused = 400 <= error.status_code < 500 and error.status_code not in _WORTH_ASKING_AGAIN
            kind = RequestRefused if refused else ModelError
            raise kind(f"{self.name} refused the request (HTTP {error.status_code}): {_said(error)}") from None
        except openai.APITimeoutError:
            raise self._unreachable(
                f"{self.name} does not answer at {self._base_url}: it hangs, or its server has too much to do"
            ) from None
        except openai.APIConnectionError as error:
            raise self._unreachable(
                f"{self.name} cannot be reached at {self._base_url} ({_cause(error)}): is its server running?"
            ) from None
        except openai.APIError as error:
            raise ModelError(f"{self.name} failed while it was writing: {error.message}") from None
        except ValidationError as error:
            raise ModelError(
                f"{self.name} answered what this program cannot read: is {self._base_url} such a server as its "
                f"profile says? {error}"
            ) from None
        except (ValueError, openai.OpenAIError) as error:  # ValueError: an answer that is not JSON
            raise ModelError(f"{self.name} answered what this program cannot read: {error}") from None

    def _unreachable(self, otherwise: str) -> ModelError:
        """Why there is no answer: the reason the server was given up, where it was."""
        reason = self._given_up()
        return ModelError(otherwise) if reason is None else ServerGone(f"the server of {self.name} is gone: {reason}")


def _http_client(connections: httpx2.Limits) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(limits=connections, timeout=_timeout(limits.SHORT_ANSWER_S), follow_redirects=True)


def _timeout(silence_s: float) -> httpx2.Timeout:
    return httpx2.Timeout(None, connect=limits.CONNECT_S, read=silence_s)


def _said(error: openai.APIStatusError) -> str:
    """The server's own words."""
    match error.body:
        case {"message": str(message)}:
            return message
    return error.response.text.strip()[:500] or error.message


def _cause(error: BaseException) -> str:
    """What is at the bottom of a connection error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
