"""The user's cache folder: where weights, converted models, compiled kernels and logs are kept."""

import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from platformdirs import user_cache_path

from lr_demo.errors import WeightsError

CACHE_VARIABLE = "LOOKAHEAD_LIVE_CACHE"
"""Environment variable that moves the cache."""
_MARGIN_BYTES = 200 * 2**20
_LOGS_KEPT = 40


@dataclass(frozen=True, slots=True)
class Cache:
    """The folders below one root; each is made when it is first asked for."""

    root: Path

    @staticmethod
    def default() -> "Cache":
        """The folder `LOOKAHEAD_LIVE_CACHE` names, else the user's cache folder (XDG)."""
        given = os.environ.get(CACHE_VARIABLE)
        return Cache(Path(given).expanduser() if given else user_cache_path("lookahead-live"))

    @property
    def weights(self) -> Path:
        """Verified model files, a folder per model."""
        return self._folder("weights")

    @property
    def parts(self) -> Path:
        """Downloads that are not whole yet."""
        return self._folder("parts")

    @property
    def converted(self) -> Path:
        """Models converted for another engine; each name holds the digest of its source."""
        return self._folder("converted")

    @property
    def compiled(self) -> Path:
        """What engines compile and reuse at their next start."""
        return self._folder("compiled")

    @property
    def probes(self) -> Path:
        """What probes measured, a file per profile and machine."""
        return self._folder("probes")

    @property
    def locks(self) -> Path:
        return self._folder("locks")

    def new_log(self, name: str) -> Path:
        """Path of a new log file; the oldest beyond a few dozen are removed."""
        folder = self._folder("logs")
        for old in sorted(folder.glob("*.log"), key=_last_written)[:-_LOGS_KEPT]:
            old.unlink(missing_ok=True)
        return folder / f"{name}-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.log"

    def require_space(self, needed: int, purpose: str) -> None:
        """Make sure `needed` bytes and a margin are free.

        Raises:
            WeightsError: they are not; says how much is missing and where.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if free < needed + _MARGIN_BYTES:
            raise WeightsError(
                f"not enough disk space for {purpose}: {gigabytes(needed + _MARGIN_BYTES)} are needed in {self.root}, "
                f"{gigabytes(free)} are free; make room, or set {CACHE_VARIABLE} to a folder on a larger disk"
            )

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WeightsError(
                f"the cache folder {folder} cannot be made ({error.strerror}): "
                f"set {CACHE_VARIABLE} to a folder you may write to"
            ) from None
        return folder


def _last_written(path: Path) -> float:
    """Seconds since the epoch; what another process has removed in between is the oldest."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def gigabytes(size: int) -> str:
    """`size` bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size, 0) / 1e6:.0f} MB"
