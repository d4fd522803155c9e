"""Following a log: from anywhere, at any time, by anyone, and at no cost to the one who appends."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from lr_demo.events import StepDelta, from_json_line
from lr_demo.models.virtual_time import run_virtual
from lr_demo.runs.log import MAX_BATCH, EventLog
from lr_demo.runs.signal import Signal
from tests.runs.events_of_a_run import delta, finished, started


def complete_log(deltas: int) -> EventLog:
    log = EventLog("abcd")
    log.append(started())
    for number in range(deltas):
        log.append(delta(number))
    log.append(finished())
    return log


async def collect(log: EventLog, after: int = -1) -> list[int]:
    return [event.seq async for batch in log.follow(after) for event in batch]


def test_events_are_stamped_in_order_on_the_clock_of_the_run() -> None:
    now = 100.0
    log = EventLog("abcd", clock=lambda: now)
    log.append(started())
    now = 102.5
    log.append(delta(0))
    log.append(finished())
    assert [(event.run, event.seq, event.t) for event in log.events()] == [
        ("abcd", 0, 0),
        ("abcd", 1, 2.5),
        ("abcd", 2, 2.5),
    ]
    assert [from_json_line(line) for line in log.lines()] == log.events()


def test_nothing_follows_the_end() -> None:
    log = complete_log(1)
    with pytest.raises(RuntimeError, match="abcd has finished"):
        log.append(delta(1))


def test_a_late_joiner_gets_everything_in_pieces_then_the_end() -> None:
    log = complete_log(3 * MAX_BATCH)

    async def sizes() -> list[int]:
        return [len(batch) async for batch in log.follow()]

    found = asyncio.run(sizes())
    assert sum(found) == len(log)
    assert max(found) == MAX_BATCH


@pytest.mark.parametrize(("after", "first"), [(-1, 0), (-7, 0), (0, 1), (4, 5), (6, None), (1000, None)])
def test_following_from_a_number_on(after: int, first: int | None) -> None:
    expected = [] if first is None else list(range(first, 7))
    assert asyncio.run(collect(complete_log(5), after)) == expected


def test_events_and_lines_after_a_number() -> None:
    log = complete_log(5)
    assert [event.seq for event in log.events(4)] == [5, 6]
    assert [from_json_line(line).seq for line in log.lines(4)] == [5, 6]
    assert [from_json_line(line).seq for line in log.lines()] == list(range(7))


def test_a_follower_in_the_same_loop_in_virtual_time() -> None:
    async def scenario() -> Sequence[int]:
        loop = asyncio.get_running_loop()
        log = EventLog("abcd", clock=loop.time)

        async def write() -> None:
            log.append(started())
            for number in range(50):
                await asyncio.sleep(0.01)
                log.append(delta(number))
            log.append(finished())

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            reader = group.create_task(collect(log))
        assert log.events()[-1].t == pytest.approx(0.5)
        return reader.result()

    assert run_virtual(scenario()) == list(range(52))


class Viewers(threading.Thread):
    """Followers in an event loop of their own."""

    def __init__(self, log: EventLog, count: int, starts: float = 0.0) -> None:
        super().__init__()
        self.log, self.count, self.starts = log, count, starts
        self.seen: list[list[int]] = []

    def run(self) -> None:
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        async def one(number: int) -> list[int]:
            await asyncio.sleep(self.starts * number / self.count)
            return await collect(self.log)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(number)) for number in range(self.count)]
        self.seen = [task.result() for task in tasks]


@pytest.mark.realtime
def test_a_hundred_followers_in_four_threads_see_every_event_once() -> None:
    log = EventLog("abcd")
    viewers = [Viewers(log, 25, starts=0.3) for _ in range(4)]
    for viewer in viewers:
        viewer.start()
    log.append(started())
    pause = threading.Event()
    for number in range(500):
        log.append(delta(number))
        if number % 10 == 0:
            pause.wait(0.005)
    log.append(finished())
    for viewer in viewers:
        viewer.join(20)
    assert all(seen == list(range(502)) for viewer in viewers for seen in viewer.seen)
    assert sum(len(viewer.seen) for viewer in viewers) == 100


@pytest.mark.realtime
def test_a_viewer_loop_is_rung_at_most_once_per_frame_however_many_viewers_it_has() -> None:
    """Counts the thread-safe calls the appending thread makes."""
    frame_s = 0.05
    log = EventLog("abcd", frame_s=frame_s)
    rings = 0

    async def main() -> list[list[int]]:
        nonlocal rings
        loop = asyncio.get_running_loop()
        original = loop.call_soon_threadsafe

        def counting(*arguments: object, **options: object) -> asyncio.Handle:
            nonlocal rings
            if threading.current_thread() is writer:
                rings += 1
            return original(*arguments, **options)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = counting  # type: ignore[method-assign]
        writer = threading.Thread(target=write)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(collect(log)) for _ in range(100)]
            await asyncio.sleep(0)  # all of them wait before the first event
            writer.start()
        writer.join()
        return [task.result() for task in tasks]

    def write() -> None:
        pause = threading.Event()
        log.append(started())
        for number in range(400):
            log.append(delta(number))
            pause.wait(0.001)
        log.append(finished())

    began = time.monotonic()
    seen = asyncio.run(main())
    frames = (time.monotonic() - began) / frame_s
    assert all(numbers == list(range(402)) for numbers in seen)
    assert rings <= frames + 2


def test_a_loop_that_was_closed_without_a_word_does_not_disturb_the_one_who_notifies() -> None:
    signal = Signal()
    listener = signal.listen()

    async def leave() -> None:
        listener.__enter__()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(listener.wait(signal.version), 0.01)

    asyncio.run(leave())
    before = signal.version
    signal.notify()
    signal.notify()
    assert signal.version != before


def test_a_change_between_looking_and_arming_is_not_missed() -> None:
    """The moment at which a waiter could fall asleep for good."""

    async def scenario() -> None:
        signal = Signal()
        with signal.listen() as listener:
            bell = listener._bell
            assert bell is not None
            arm = bell.arm

            def arm_too_late() -> asyncio.Event:
                signal.notify()
                return arm()

            bell.arm = arm_too_late  # type: ignore[method-assign]
            async with asyncio.timeout(1):
                await listener.wait(signal.version)

    run_virtual(scenario())


def test_a_cancelled_follower_leaves_the_others_alone() -> None:
    async def scenario() -> list[int]:
        log = EventLog("abcd")
        log.append(started())
        async with asyncio.TaskGroup() as group:
            one, other = group.create_task(collect(log)), group.create_task(collect(log))
            await asyncio.sleep(0.05)
            one.cancel()
            await asyncio.sleep(0.05)
            log.append(delta(0))
            log.append(finished())
        assert one.cancelled()
        return other.result()

    assert run_virtual(scenario()) == [0, 1, 2]


def test_a_follower_gets_the_events_themselves() -> None:
    log = complete_log(2)

    async def texts() -> list[str]:
        return [event.text async for batch in log.follow() for event in batch if isinstance(event, StepDelta)]

    assert asyncio.run(texts()) == [" 0", " 1"]
