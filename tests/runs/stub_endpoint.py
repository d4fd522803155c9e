"""A model server that runs already, for tests of what is asked of it: one token, and figures."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lr_demo.config import Profile, parse_profile


class StubEndpoint:
    """Where it is, and how often it was asked for figures; each time it has written 10 tokens more."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked = 0
        self.answered = threading.Event()

    def profile(self, name: str = "remote") -> Profile:
        return parse_profile(
            f"""
name: {name}
description: a server that runs already
servers:
  target: {{engine: endpoint, model: stub, dialect: vllm, base_url: "http://127.0.0.1:{self.port}/v1"}}
roles: {{target: target}}
""",
            "remote.yaml",
        )


@contextmanager
def stub_endpoint() -> Iterator[StubEndpoint]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(b'{"choices": [{"text": "2"}]}')

        def do_GET(self) -> None:
            stub.asked += 1
            self._answer(
                b"vllm:num_requests_running 2.0\n"
                b"vllm:num_requests_waiting 1.0\n"
                b"vllm:kv_cache_usage_perc 0.25\n"
                b"vllm:prompt_tokens_total 1000.0\n"
                b"vllm:prompt_tokens_cached_total 640.0\n"
                b"vllm:spec_decode_num_drafts_total 100.0\n"
                b"vllm:spec_decode_num_draft_tokens_total 600.0\n"
                b"vllm:spec_decode_num_accepted_tokens_total 150.0\n"
                b"vllm:generation_tokens_total %d\n" % (10 * stub.asked)
            )
            stub.answered.set()

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = StubEndpoint(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
