"""Carries drafted tokens, and where more can be asked for, to the servers' processes on this machine: messages, dropped
where nobody listens.

Connections of whole messages (SOCK_SEQPACKET), for what they hold is bounded in bytes: of datagrams Linux keeps ten
(`net.unix.max_dgram_qlen`), which a slow target reads more seldom than a draft writes.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from lr_demo.proposals.index import Accompanied, DraftedTokens

Said = DraftedTokens | Accompanied

_HEADER = struct.Struct("<QIIHH")
_ADDRESS = 0xFFFF_FFFF
"""Stands where drafted tokens have their offset: an address follows the anchor instead of tokens."""
_MOST_TOKENS = 4096
_MOST_BYTES = _HEADER.size + 4 * (_MOST_TOKENS + 64)
_BUFFER_BYTES = 1 << 20


class Receiver:
    """A socket in a server's folder. Every process of the server that proposes has one of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{os.getpid()}.sock"
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.setblocking(False)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._senders: list[socket.socket] = []

    def drain(self) -> Iterator[Said]:
        """What has come since the last time; never waits. Microseconds where nothing has."""
        with contextlib.suppress(BlockingIOError):
            while True:
                sender, _ = self._listener.accept()
                sender.setblocking(False)
                self._senders.append(sender)
        for sender in list(self._senders):
            yield from self._read(sender)

    def close(self) -> None:
        """Close the socket and remove it."""
        for each in (self._listener, *self._senders):
            each.close()
        self._path.unlink(missing_ok=True)

    def _read(self, sender: socket.socket) -> Iterator[Said]:
        try:
            while message := sender.recv(_MOST_BYTES):
                if (said := _decode(message)) is not None:
                    yield said
        except BlockingIOError:
            return
        except OSError:
            pass
        self._senders.remove(sender)  # its program has ended
        sender.close()


class Sender:
    """Sends to every receiver in a server's folder. A full, gone or silent receiver costs only its proposals."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._receivers: dict[Path, socket.socket] = {}

    def send(self, said: Said) -> None:
        """Send it; returns at once, raises nothing."""
        begins = isinstance(said, Accompanied) or said.offset == 0
        if begins or not self._receivers:  # the server may have been started anew
            self._look()
        for message in _encode(said):
            for path, receiver in list(self._receivers.items()):
                try:
                    receiver.send(message)
                except BlockingIOError:
                    continue
                except OSError:
                    self._receivers.pop(path).close()

    def close(self) -> None:
        """Close the sockets."""
        while self._receivers:
            self._receivers.popitem()[1].close()

    def _look(self) -> None:
        """Find the receivers that are new."""
        for path in self._folder.glob("*.sock"):
            if path in self._receivers:
                continue
            receiver = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            receiver.setblocking(False)
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            try:
                receiver.connect(str(path))
                self._receivers[path] = receiver
            except OSError:
                receiver.close()


def _encode(said: Said) -> Iterator[bytes]:
    anchor = struct.pack(f"<{len(said.anchor)}i", *said.anchor)
    if isinstance(said, Accompanied):
        address = said.draft.encode()
        yield _HEADER.pack(said.name, said.prefix_length, _ADDRESS, len(said.anchor), len(address)) + anchor + address
        return
    for begin in range(0, max(1, len(said.tokens)), _MOST_TOKENS):
        tokens = said.tokens[begin : begin + _MOST_TOKENS]
        header = _HEADER.pack(said.step, said.prefix_length, said.offset + begin, len(said.anchor), len(tokens))
        yield header + anchor + struct.pack(f"<{len(tokens)}i", *tokens)


def _decode(message: bytes) -> Said | None:
    """None where this is none of ours."""
    try:
        name, prefix_length, offset, anchored, count = _HEADER.unpack_from(message)
        anchor = struct.unpack_from(f"<{anchored}i", message, _HEADER.size)
        begin = _HEADER.size + 4 * anchored
        if offset == _ADDRESS:
            return Accompanied(name, prefix_length, anchor, message[begin : begin + count].decode())
        return DraftedTokens(name, prefix_length, anchor, offset, struct.unpack_from(f"<{count}i", message, begin))
    except (struct.error, UnicodeDecodeError):
        return None
