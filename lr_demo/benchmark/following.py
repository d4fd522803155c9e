"""Viewers in a process of their own: follow one run over HTTP, many times at once.

`python -m lr_demo.benchmark.following PORT RUN VIEWERS` ends when the run has; exit code 0: all saw its end.
"""

import asyncio
import sys

_TAIL = 200
"""Bytes in which the end of a stream is seen."""


async def _follow(port: int, run: str) -> bool:
    """One viewer: reads the run's events to the end; True where the end was among them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /runs/{run}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    tail = b""
    while part := await reader.read(65_536):
        tail = (tail + part)[-_TAIL:]
    writer.close()
    return b"event: end" in tail


async def _follow_all(port: int, run: str, viewers: int) -> bool:
    return all(await asyncio.gather(*(_follow(port, run) for _ in range(viewers))))


if __name__ == "__main__":
    _, port, run, viewers = sys.argv
    sys.exit(not asyncio.run(_follow_all(int(port), run, int(viewers))))
