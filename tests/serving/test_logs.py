"""A log's last lines and what is added come as bounded, plain text."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lr_demo.errors import ServingError
from lr_demo.serving.cache import Cache
from lr_demo.serving.logs import LONGEST_LINE, MOST_LINES, LogPart, follow_log, read_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "target.log"


def test_the_last_lines_are_read_and_then_what_was_added(log: Path) -> None:
    log.write_text("one\ntwo\nthr")
    first = read_log(log)
    assert first == LogPart(("one", "two"), 8, skipped=False)
    with log.open("a") as file:
        file.write("ee\nfour\n")
    assert read_log(log, first.end).lines == ("three", "four")


def test_of_a_long_log_only_its_end_is_read(log: Path) -> None:
    log.write_text("".join(f"line {number}\n" for number in range(200_000)))
    part = read_log(log)
    assert len(part.lines) == MOST_LINES
    assert part.lines[-1] == "line 199999"
    assert part.skipped
    assert part.end == log.stat().st_size


def test_more_than_can_be_shown_at_once_is_skipped_and_said(log: Path) -> None:
    log.write_text("begin\n")
    end = read_log(log).end
    with log.open("a") as file:
        file.writelines(f"line {number}\n" for number in range(MOST_LINES + 5))
    part = read_log(log, end)
    assert (len(part.lines), part.lines[0], part.skipped) == (MOST_LINES, "line 5", True)


def test_colours_blank_lines_and_endless_lines_are_left_out(log: Path) -> None:
    log.write_bytes(b"\x1b[32mINFO\x1b[0m up\r\n\n 50%\r100%\r\n" + b"x" * 9_999 + b"\n\xff\xfe\n")
    assert read_log(log).lines == ("INFO up", " 50%", "100%", "x" * LONGEST_LINE, "\ufffd\ufffd")


def test_a_log_that_is_gone_has_no_lines(log: Path) -> None:
    assert read_log(log) == LogPart((), 0, skipped=False)
    assert read_log(log, 70).end == 70


def test_a_log_is_followed_into_the_next_one_until_there_is_none(log: Path, tmp_path: Path) -> None:
    second = tmp_path / "again.log"
    log.write_text("one\n")
    second.write_text("started again\n")
    logs: list[Path] = [log]

    def current() -> Path:
        if not logs:
            raise ServingError("no such server")
        return logs[0]

    def go_on(seen: LogPart) -> None:
        if seen.lines == ("one",):
            log.write_text("one\ntwo\n")
        elif seen.lines == ("two",):
            logs[0] = second
        else:
            logs.clear()

    async def follow() -> list[LogPart]:
        parts = []
        async for part in follow_log(current, interval_s=0.01):
            parts.append(part)
            go_on(part)
        return parts

    parts = asyncio.run(asyncio.wait_for(follow(), 30))
    assert [part.lines for part in parts] == [("one",), ("two",), ("started again",)]
    assert [part.fresh for part in parts] == [True, False, True]


def test_several_make_room_for_their_logs_at_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    folder = cache.new_log("draft").parent
    for number in range(2_000):
        (folder / f"old-{number}.log").touch()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(cache.new_log, [f"server-{number}" for number in range(8)]))
    assert len(set(made)) == 8
    assert len(list(folder.glob("*.log"))) <= 40
