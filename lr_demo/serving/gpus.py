"""What the GPUs are doing now, as NVIDIA's driver tells it; none where there is no driver."""

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at one moment."""

    index: int
    """The driver's."""
    name: str
    memory_used: int
    """Bytes, by whatever program."""
    memory_total: int
    """Bytes."""
    power_w: float | None
    """Watts; None where the driver does not say."""
    utilisation: float | None
    """Share of the last moment in which it computed, 0 to 1; None where the driver does not say."""


class GpuMeter:
    """Asks the driver. Keeps it open from the first reading until closed; where there is none, does not ask again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: int | None = None

    async def read(self) -> tuple[GpuReading, ...]:
        """All GPUs, by index. In a thread: a busy driver takes its time."""
        return () if self._count == 0 else await asyncio.to_thread(self._read)

    async def close(self) -> None:
        """Let go of the driver; the next reading opens it again."""
        await asyncio.to_thread(self._close)

    def _read(self) -> tuple[GpuReading, ...]:
        import pynvml

        with self._lock:
            try:
                if self._count is None:
                    self._count = 0
                    pynvml.nvmlInit()
                    self._count = pynvml.nvmlDeviceGetCount()
                return tuple(_gpu(index) for index in range(self._count))
            except pynvml.NVMLError:  # no driver, or it went away
                return ()

    def _close(self) -> None:
        import pynvml

        with self._lock:
            if self._count:
                with suppress(pynvml.NVMLError):
                    pynvml.nvmlShutdown()
                self._count = None


def _gpu(index: int) -> GpuReading:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    name = pynvml.nvmlDeviceGetName(handle)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    power = utilisation = None
    with suppress(pynvml.NVMLError):
        power = pynvml.nvmlDeviceGetPowerUsage(handle) / 1000
    with suppress(pynvml.NVMLError):
        utilisation = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    return GpuReading(
        index, name.decode() if isinstance(name, bytes) else name, memory.used, memory.total, power, utilisation
    )
