"""A fake model server for tests: answers with what it is given, in the shapes recorded from the real ones."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from lr_demo.serving.endpoint import Endpoint

Body = dict[str, object]


@dataclass(frozen=True)
class Answer:
    """One JSON answer."""

    body: object
    status: int = 200


class After(StrEnum):
    """What follows the last event of a stream."""

    END = "end"
    HANG = "hang"
    DROP = "drop"


@dataclass(frozen=True)
class Stream:
    """Server-sent events, one TCP packet each."""

    events: Sequence[object]
    after: After = After.END


Handler = Callable[[Body], Answer | Stream]


@dataclass
class StubServer:
    """What it was asked, and whether the client of a stream that hangs has gone.

    It closes the connection of the next `unanswered` requests without a word.
    """

    routes: Mapping[str, Handler]
    asked: list[tuple[str, Body]] = field(default_factory=list)
    client_gone: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    unanswered: int = 0

    def bodies(self, path: str) -> list[Body]:
        return [body for asked, body in self.asked if asked == path]

    def endpoint(self, dialect: Literal["vllm", "llama.cpp"]) -> Endpoint:
        return Endpoint(f"http://127.0.0.1:{self.port}/v1", dialect, "stub", "the stub", "stub", "default")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ", 2)[1]
        lengths = [int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:")]
        body = json.loads(await reader.readexactly(lengths[0])) if lengths and lengths[0] else {}
        self.asked.append((path, body))
        if self.unanswered:
            self.unanswered -= 1
            writer.close()
            return
        answer = self.routes[path](body) if path in self.routes else Answer({"error": {"message": "no such path"}}, 404)
        if isinstance(answer, Answer):
            content = json.dumps(answer.body).encode()
            writer.write(
                f"HTTP/1.1 {answer.status} X\r\ncontent-type: application/json\r\nconnection: close\r\n"
                f"content-length: {len(content)}\r\n\r\n".encode()
                + content
            )
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for event in answer.events:
                data = f"data: {json.dumps(event)}\n\n".encode()
                writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                await writer.drain()
            if answer.after is After.HANG:
                await reader.read()
                self.client_gone.set()
            elif answer.after is After.END:
                writer.write(b"0\r\n\r\n")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def stub_server(routes: Mapping[str, Handler]) -> AsyncIterator[StubServer]:
    """A stub on a free loopback port."""
    stub = StubServer(routes)
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.port = server.sockets[0].getsockname()[1]
    try:
        yield stub
    finally:
        server.close()
        await server.wait_closed()


def vllm_models(context: int = 100) -> Answer:
    return Answer({"data": [{"id": "stub", "max_model_len": context}]})


def vllm_event(
    ids: Sequence[int], text: str, finish: str | None = None, stop: str | int | None = None
) -> dict[str, object]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish, "stop_reason": stop}
    return {"object": "text_completion", "choices": [choice | {"token_ids": list(ids)}]}


def llama_models(context: int = 100) -> Answer:
    return Answer({"data": [{"id": "stub.gguf", "meta": {"n_ctx": context}}]})


def llama_event(ids: Sequence[int], text: str, written: int) -> dict[str, object]:
    return {"index": 0, "content": text, "tokens": list(ids), "stop": False, "tokens_predicted": written}


def llama_end(stop_type: str, written: int, ids: Sequence[int] = (), text: str = "") -> dict[str, object]:
    return llama_event(ids, text, written) | {"stop": True, "stop_type": stop_type}
