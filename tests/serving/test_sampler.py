"""Servers and GPUs are read once a second while somebody looks; with scripted servers, in virtual time."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from lr_demo.errors import NoAnswer, ServingError
from lr_demo.models.virtual_time import run_virtual
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.gpus import GpuReading
from lr_demo.serving.sampler import Sampler, ServerReading, Telemetry
from lr_demo.serving.telemetry import ServerMetrics
from tests.serving.test_rates import IDLE

TARGET = Endpoint("http://127.0.0.1:1/v1", "vllm", "m", "Target", "v", "f")
DRAFT = Endpoint("http://127.0.0.1:2/v1", "llama.cpp", "m", "Draft", "v", "f")
GPU = GpuReading(0, "H100", 60 * 2**30, 80 * 2**30, 412.0, 0.93)


class Scene:
    """Servers that write at a pace, answer after a delay, fail or vanish, and what was asked of them."""

    def __init__(self) -> None:
        self.reachable = {"target": TARGET, "draft": DRAFT}
        self.tokens_per_s = {TARGET: 40.0, DRAFT: 120.0}
        self.delay_s = {TARGET: 0.0, DRAFT: 0.0}
        self.failing: dict[Endpoint, ServingError | str] = {}
        self.gpus: tuple[GpuReading, ...] = ()
        self.asked: list[tuple[float, Endpoint]] = []
        self.changes = 0
        self.sampler = Sampler(lambda: self.reachable, self.read, self.read_gpus, self.changed)

    async def read(self, endpoint: Endpoint) -> ServerMetrics:
        clock = asyncio.get_running_loop().time
        self.asked.append((clock(), endpoint))
        await asyncio.sleep(self.delay_s[endpoint])
        if endpoint in self.failing:
            failure = self.failing[endpoint]
            raise ServingError(failure) if isinstance(failure, str) else failure
        return replace(IDLE, running=1, written_tokens=int(self.tokens_per_s[endpoint] * clock()))

    async def read_gpus(self) -> tuple[GpuReading, ...]:
        return self.gpus

    def changed(self) -> None:
        self.changes += 1

    def watch(self, seconds: float, then: Callable[[], None] = lambda: None) -> Telemetry:
        """Sample for so many seconds, in the middle of which `then` happens; what is known at the end."""

        async def main() -> Telemetry:
            sampling = asyncio.create_task(self.sampler.run())
            await asyncio.sleep(seconds / 2)
            then()
            await asyncio.sleep(seconds / 2)
            known = self.sampler.latest
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return known

        return run_virtual(main())

    def times(self, endpoint: Endpoint) -> list[float]:
        return [at for at, asked in self.asked if asked == endpoint]


def reading(telemetry: Telemetry, name: str) -> ServerReading:
    return next(server for server in telemetry.servers if server.name == name)


def test_every_ready_server_is_read_once_a_second() -> None:
    scene = Scene()
    telemetry = scene.watch(5.5)
    assert scene.times(TARGET) == scene.times(DRAFT) == [0, 1, 2, 3, 4, 5]
    speeds = [server.figures.tokens_per_s for server in telemetry.servers if server.figures]
    assert speeds == pytest.approx([40.0, 120.0])
    assert scene.changes > 10


def test_nothing_is_asked_before_and_after() -> None:
    scene = Scene()
    assert scene.asked == []
    assert scene.sampler.latest.servers == ()
    scene.watch(1.5)
    asked = len(scene.asked)
    run_virtual(asyncio.sleep(60))
    assert len(scene.asked) == asked


def test_a_slow_server_is_not_asked_twice_and_holds_up_nobody() -> None:
    scene = Scene()
    scene.delay_s[TARGET] = 3.4
    telemetry = scene.watch(9.5)
    assert scene.times(TARGET) == [0, 4, 8]
    assert len(scene.times(DRAFT)) == 10
    figures = reading(telemetry, "target").figures
    assert figures is not None
    assert figures.tokens_per_s == pytest.approx(40.0)


def test_a_server_that_does_not_answer_is_shown_so_until_it_does() -> None:
    scene = Scene()
    scene.failing[TARGET] = "Target tells no figures: timed out"
    telemetry = scene.watch(4)
    target = reading(telemetry, "target")
    assert (target.figures, target.problem) == (None, "Target tells no figures: timed out")
    assert reading(telemetry, "draft").figures is not None
    del scene.failing[TARGET]
    target = reading(scene.watch(4), "target")
    assert target.figures is not None
    assert target.problem is None


def test_a_server_that_goes_is_forgotten_and_one_that_comes_is_read() -> None:
    scene = Scene()
    del scene.reachable["draft"]

    def swap() -> None:
        scene.reachable = {"draft": DRAFT}

    telemetry = scene.watch(6, swap)
    assert [server.name for server in telemetry.servers] == ["draft"]
    assert max(scene.times(TARGET)) <= 3 <= min(scene.times(DRAFT))


def test_a_server_under_the_same_name_elsewhere_is_another_one() -> None:
    scene = Scene()
    scene.tokens_per_s[DRAFT] = 1_000_000.0

    def move() -> None:
        scene.reachable = {"target": DRAFT}

    target = reading(scene.watch(6, move), "target")
    assert target.pace[0].at > 3
    assert all(point.tokens_per_s == pytest.approx(1_000_000.0) for point in target.pace)


def test_the_pace_of_the_last_minute_is_kept() -> None:
    telemetry = Scene().watch(150.5)
    pace = reading(telemetry, "target").pace
    assert len(pace) == 61
    assert pace[-1].at - pace[0].at == pytest.approx(60.0)
    assert {round(point.tokens_per_s) for point in pace} == {40}


def test_who_looks_again_later_sees_no_figures_of_old() -> None:
    scene = Scene()
    scene.gpus = (GPU,)
    scene.watch(3.5)
    left = scene.sampler.latest
    assert [server.figures for server in left.servers] == [None, None]
    assert left.gpus == ()
    assert reading(left, "target").pace  # it says when each was


SPREAD = replace(TARGET, replicas=("http://node:2/v1", "http://node:3/v1"))


def spread() -> Scene:
    """One server at three addresses, which write 40, 30 and 20 tokens a second."""
    scene = Scene()
    scene.reachable = {"target": SPREAD}
    scene.tokens_per_s = dict(zip(SPREAD.each(), (40.0, 30.0, 20.0), strict=True))
    scene.delay_s = dict.fromkeys(SPREAD.each(), 0.0)
    return scene


def test_the_addresses_of_a_server_are_read_each_and_shown_together() -> None:
    scene = spread()
    telemetry = scene.watch(5.5)
    assert [scene.times(address) for address in SPREAD.each()] == [[0, 1, 2, 3, 4, 5]] * 3
    target = reading(telemetry, "target")
    assert target.figures is not None
    assert target.figures.tokens_per_s == pytest.approx(90.0)
    assert target.figures.running == 3
    assert [address.address for address in target.addresses] == [address.base_url for address in SPREAD.each()]
    speeds = [address.figures.tokens_per_s for address in target.addresses if address.figures]
    assert speeds == pytest.approx([40.0, 30.0, 20.0])
    assert [point.at for point in target.pace] == [1, 2, 3, 4, 5]
    assert [point.tokens_per_s for point in target.pace] == pytest.approx([90.0] * 5)


def test_an_address_that_does_not_answer_is_left_out_of_the_sum_and_said() -> None:
    scene = spread()
    first, second, third = SPREAD.each()
    scene.failing = {second: NoAnswer("gone"), third: "no such page"}
    target = reading(scene.watch(4), "target")
    assert target.figures is not None
    assert target.figures.tokens_per_s == pytest.approx(40.0)
    assert target.problem is None
    told = [(address.answers, address.problem) for address in target.addresses]
    assert told == [(True, None), (False, "gone"), (True, "no such page")]
    scene.failing[first] = NoAnswer("gone, too")
    target = reading(scene.watch(4), "target")
    assert (target.figures, target.problem) == (None, "gone, too; gone; no such page")


def test_a_slow_address_does_not_interrupt_the_pace_of_the_others() -> None:
    scene = spread()
    scene.delay_s[SPREAD.each()[2]] = 4.9
    moments = [point.at for point in reading(scene.watch(30), "target").pace]
    assert max(after - before for before, after in pairwise(moments)) < 4
    assert min(after - before for before, after in pairwise(moments)) > 0.5


def test_an_address_that_comes_back_adds_its_speed_and_not_all_it_ever_wrote() -> None:
    scene = spread()
    second = SPREAD.each()[1]
    scene.failing = {second: NoAnswer("gone")}
    telemetry = scene.watch(40, scene.failing.clear)
    speeds = [point.tokens_per_s for point in reading(telemetry, "target").pace]
    assert speeds[0] == pytest.approx(60.0)
    assert speeds[-1] == max(speeds) == pytest.approx(90.0)


def test_gpus_are_read_too_where_there_are_any() -> None:
    scene = Scene()
    assert scene.watch(3).gpus == ()
    scene.gpus = (GPU,)
    assert scene.watch(3).gpus == (GPU,)
