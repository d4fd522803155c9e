"""What the driver says of the GPUs, as far as it says it. The driver is a stand-in: this machine may have none."""

import asyncio
from types import SimpleNamespace

import pynvml
import pytest

from lr_demo.serving.gpus import GpuMeter, GpuReading


class Driver:
    """A driver with two GPUs, of which the second tells no power."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.opened = 0
        self.present = True
        for name in (
            *("Init", "Shutdown", "DeviceGetCount", "DeviceGetHandleByIndex", "DeviceGetName"),
            *("DeviceGetMemoryInfo", "DeviceGetPowerUsage", "DeviceGetUtilizationRates"),
        ):
            patch.setattr(pynvml, f"nvml{name}", getattr(self, name))

    def Init(self) -> None:
        self.opened += 1
        if not self.present:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    def Shutdown(self) -> None:
        self.opened -= 1

    def DeviceGetCount(self) -> int:
        return 2

    def DeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def DeviceGetName(self, handle: int) -> str:
        return "NVIDIA H100 80GB HBM3"

    def DeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=(handle + 1) * 2**30, total=80 * 2**30)

    def DeviceGetPowerUsage(self, handle: int) -> int:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 412_500

    def DeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=93)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    return Driver(monkeypatch)


def test_every_gpu_is_told_with_what_the_driver_knows(driver: Driver) -> None:
    async def look() -> tuple[GpuReading, ...]:
        meter = GpuMeter()
        await meter.read()
        readings = await meter.read()
        assert driver.opened == 1
        await meter.close()
        return readings

    first, second = asyncio.run(look())
    assert first == GpuReading(0, "NVIDIA H100 80GB HBM3", 2**30, 80 * 2**30, 412.5, 0.93)
    assert (second.index, second.power_w, second.utilisation) == (1, None, 0.93)
    assert driver.opened == 0


def test_without_a_driver_there_are_none_and_it_is_asked_once(driver: Driver) -> None:
    driver.present = False

    async def look() -> list[tuple[GpuReading, ...]]:
        meter = GpuMeter()
        readings = [await meter.read() for _ in range(3)]
        await meter.close()
        return readings

    assert asyncio.run(look()) == [(), (), ()]
    assert driver.opened == 1
