"""A stand-in for an engine, run as a process: it says what vLLM says while it loads, and answers completions.

Arguments: port, a file that counts starts, and what to do at each start, separated by commas:
`serve`, `port_in_use`, `die`, `die_after_ready`, `refuse` (serve, but no completion), `hang` (never ready),
`freeze` (stop as a whole once it is ready), `deadlock` (once it is ready answer, but complete nothing any more),
`busy` (once it is ready answer slowly, and complete nothing, but count on).
"""

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    behaviour = "serve"
    counted = 0
    completed = 0

    def do_GET(self) -> None:
        Handler.counted += self.behaviour == "busy"
        if self.behaviour == "busy":
            time.sleep(0.25)
        body = f"vllm:generation_tokens_total {self.counted}\nprocess_cpu_seconds_total {time.time()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.completed and self.behaviour in ("deadlock", "busy"):
            time.sleep(600)
        Handler.completed += 1
        refused = self.behaviour == "refuse"
        body = json.dumps({"error": "no"} if refused else {"choices": [{"text": "2"}]}).encode()
        self.send_response(500 if refused else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(port: int, counter: Path, behaviours: list[str]) -> None:
    start = int(counter.read_text()) if counter.exists() else 0
    counter.write_text(str(start + 1))
    behaviour = behaviours[min(start, len(behaviours) - 1)]
    print("INFO version 0.32.0", flush=True)
    if behaviour == "port_in_use":
        sys.exit(f"OSError: [Errno 98] Address already in use: {port}")
    print("Loading safetensors checkpoint shards:  50% Completed | 1/2", flush=True)
    if behaviour == "die":
        sys.exit("RuntimeError: [enforce fail] DefaultCPUAllocator: not enough memory: out of memory")
    if behaviour == "hang":
        time.sleep(600)
    Handler.behaviour = behaviour
    kind = ThreadingHTTPServer if behaviour in ("deadlock", "busy") else HTTPServer
    server = kind(("127.0.0.1", port), Handler)
    print(f"INFO Starting vLLM server on http://127.0.0.1:{port}", flush=True)
    print("INFO:     Application startup complete.", flush=True)
    server.handle_request()
    if behaviour == "die_after_ready":
        sys.exit("EngineDeadError")
    if behaviour == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(","))
