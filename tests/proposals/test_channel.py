"""Drafted tokens reach every process of a server, and a server that is not there costs nothing."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lr_demo.proposals.channel import Receiver, Said, Sender
from lr_demo.proposals.index import Accompanied, DraftedTokens

STEP = DraftedTokens(2**64 - 1, 32_000, (151_643, 7), 0, tuple(range(100)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # a socket's path may be 107 bytes long
    return Path("sockets")


@pytest.fixture
def sender(folder: Path) -> Iterator[Sender]:
    sender = Sender(folder)
    yield sender
    sender.close()


def test_what_is_sent_arrives_in_order_and_only_once(folder: Path, sender: Sender) -> None:
    receiver = Receiver(folder)
    others: list[Said] = [
        DraftedTokens(5, 0, (), 3, ()),
        Accompanied(6, 9, (1, 2), "http://127.0.0.1:1"),
        Accompanied(6, 9, ()),
    ]
    for each in (STEP, *others):
        sender.send(each)
    assert list(receiver.drain()) == [STEP, *others]
    assert list(receiver.drain()) == []
    receiver.close()


def test_a_long_step_comes_in_parts_that_join(folder: Path, sender: Sender) -> None:
    receiver = Receiver(folder)
    sender.send(DraftedTokens(1, 10, (3,), 7, tuple(range(5000))))
    parts = [part for part in receiver.drain() if isinstance(part, DraftedTokens)]
    assert [token for part in parts for token in part.tokens] == list(range(5000))
    assert [part.offset for part in parts] == [7, 7 + len(parts[0].tokens)]
    receiver.close()


def test_a_receiver_that_reads_seldom_misses_nothing_of_a_step(folder: Path, sender: Sender) -> None:
    receiver = Receiver(folder)
    sent = [DraftedTokens(1, 10, (3,), offset, (offset,)) for offset in range(100)]
    for each in sent:
        sender.send(each)
    assert list(receiver.drain()) == sent
    receiver.close()


def test_several_programs_send_to_one_receiver_and_one_that_ends_is_let_go(folder: Path, sender: Sender) -> None:
    receiver, other = Receiver(folder), Sender(folder)
    sender.send(STEP)
    other.send(STEP)
    other.close()
    assert list(receiver.drain()) == [STEP, STEP]
    sender.send(STEP)
    assert list(receiver.drain()) == [STEP]
    receiver.close()


def test_nobody_there_gone_or_full_is_no_error_and_no_wait(folder: Path, sender: Sender) -> None:
    sender.send(STEP)
    receiver = Receiver(folder)
    for _ in range(20_000):
        sender.send(STEP)
    assert 0 < len(list(receiver.drain())) < 20_000
    receiver.close()
    sender.send(STEP)
    again = Receiver(folder)
    sender.send(STEP)
    assert list(again.drain()) == [STEP]
    again.close()


def test_what_is_no_message_of_ours_is_left_out(folder: Path, sender: Sender) -> None:
    receiver = Receiver(folder)
    stranger = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stranger.connect(str(folder / f"{os.getpid()}.sock"))
    for message in (b"hello", b"\xff" * 24, b""):
        stranger.send(message)
    sender.send(STEP)
    assert list(receiver.drain()) == [STEP]
    stranger.close()
    receiver.close()
