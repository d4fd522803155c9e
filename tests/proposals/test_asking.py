"""The draft asked for a continuation by a server that waits for it: what it says, and what it costs where it fails."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from lr_demo import limits
from lr_demo.proposals.asking import Asking
from lr_demo.serving.endpoint import Endpoint

Body = dict[str, object]


class Draft(ThreadingHTTPServer):
    """A server that answers with `answer`, or not at all before `speak`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: tuple[int, object] = 200, {"tokens": [7, 8, 9], "timings": {"predicted_ms": 90.0, "prompt_n": 2}}
        self.asked: list[Body] = []
        self.speak = threading.Event()
        self.speak.set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        draft = self.server
        assert isinstance(draft, Draft)
        draft.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        draft.speak.wait(10)
        status, answer = draft.answer
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def draft() -> Iterator[Draft]:
    server = Draft()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.speak.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ask() -> Iterator[Asking]:
    ask = Asking()
    yield ask
    ask.close()


def test_the_likeliest_tokens_are_asked_for_and_what_they_take_is_known(draft: Draft, ask: Asking) -> None:
    assert ask.token_s == 0
    assert ask.continuation(draft.address, [1, 2, 3], 3) == [7, 8, 9]
    assert draft.asked[0].items() >= {"prompt": [1, 2, 3], "n_predict": 3, "temperature": 0}.items()
    assert ask.token_s == pytest.approx(0.03)
    assert ask.continuation(draft.address, [1, 2, 3], 2) == [7, 8]
    assert ask.continuation(draft.address, [1, 2, 3], 0) == []
    assert len(draft.asked) == 2


def test_a_long_text_that_is_read_once_is_no_cost_of_every_answer(draft: Draft, ask: Asking) -> None:
    draft.answer = 200, {"tokens": [7], "timings": {"predicted_ms": 0.0, "prompt_n": 500}}
    ask.continuation(draft.address, [1] * 500, 1)
    assert ask.request_s == 0
    draft.answer = 200, {"tokens": [7], "timings": {"predicted_ms": 0.0, "prompt_n": 2}}
    ask.continuation(draft.address, [1] * 502, 1)
    assert ask.request_s > 0


@pytest.mark.parametrize("answer", [(500, {"error": "no"}), (200, {"content": "no ids"}), (200, "no object")])
def test_a_draft_that_fails_is_left_alone_for_a_while(
    draft: Draft, ask: Asking, answer: tuple[int, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: moment)
    works, draft.answer = draft.answer, answer
    assert ask.continuation(draft.address, [1], 3) == []
    assert ask.continuation(draft.address, [1], 3) == []
    assert len(draft.asked) == 1
    draft.answer = works
    moment += limits.FIRST_ASKED_PAUSE_S + 1
    assert ask.continuation(draft.address, [1], 3) == [7, 8, 9]


def test_a_draft_that_hangs_or_is_gone_is_not_waited_for(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ASKED_DRAFT_S", 0.1)
    draft.speak.clear()
    for address in (draft.address, "http://127.0.0.1:1"):
        ask = Asking()
        assert ask.continuation(address, [1], 3) == []
        ask.close()


@pytest.mark.llamacpp
def test_llama_cpp_tells_every_token(llamacpp_endpoint: Endpoint, ask: Asking) -> None:
    root = llamacpp_endpoint.base_url.removesuffix("/v1")
    body = {"content": "One, two, three, 数字, four,", "add_special": False}
    ids = httpx.post(f"{root}/tokenize", json=body, timeout=60).raise_for_status().json()["tokens"]
    said = ask.continuation(root, ids, 8)
    assert len(said) == 8
    assert ask.continuation(root, [*ids, *said[:3]], 5) == said[3:]
    assert ask.token_s > 0
