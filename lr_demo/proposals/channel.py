"""Carries drafted tokens to the servers' processes on this machine: datagrams, dropped where nobody listens."""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from lr_demo.proposals.index import DraftedTokens

_HEADER = struct.Struct("<QIIHH")
_MOST_TOKENS = 4096
_MOST_BYTES = _HEADER.size + 4 * (_MOST_TOKENS + 64)
_BUFFER_BYTES = 1 << 20


class Receiver:
    """A socket in a server's folder. Every process of the server that proposes has one of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{os.getpid()}.sock"
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.bind(str(self._path))

    def drain(self) -> Iterator[DraftedTokens]:
        """What has come since the last time; never waits. Microseconds where nothing has."""
        while True:
            try:
                datagram = self._socket.recv(_MOST_BYTES)
            except BlockingIOError:
                return
            if (drafted := _decode(datagram)) is not None:
                yield drafted

    def close(self) -> None:
        """Close the socket and remove it."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


class Sender:
    """Sends to every receiver in a server's folder. A full, gone or silent receiver costs only its proposals."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._receivers: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, drafted: DraftedTokens) -> None:
        """Send tokens; returns at once, raises nothing."""
        if drafted.offset == 0 or not self._receivers:  # a step begins: the server may have been started anew
            self._receivers = [str(path) for path in self._folder.glob("*.sock")]
        for begin in range(0, max(1, len(drafted.tokens)), _MOST_TOKENS):
            datagram = _encode(drafted, begin)
            for receiver in self._receivers:
                with contextlib.suppress(OSError):
                    self._socket.sendto(datagram, receiver)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _encode(drafted: DraftedTokens, begin: int) -> bytes:
    tokens = drafted.tokens[begin : begin + _MOST_TOKENS]
    offset = drafted.offset + begin
    header = _HEADER.pack(drafted.step, drafted.prefix_length, offset, len(drafted.anchor), len(tokens))
    return header + struct.pack(f"<{len(drafted.anchor) + len(tokens)}i", *drafted.anchor, *tokens)


def _decode(datagram: bytes) -> DraftedTokens | None:
    """None where this is none of ours."""
    try:
        step, prefix_length, offset, anchored, count = _HEADER.unpack_from(datagram)
        numbers = struct.unpack_from(f"<{anchored + count}i", datagram, _HEADER.size)
    except struct.error:
        return None
    return DraftedTokens(step, prefix_length, numbers[:anchored], offset, numbers[anchored:])
