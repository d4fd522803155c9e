"""Model files in the cache: found, or fetched, and always verified before they take their names."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

from filelock import AsyncFileLock
from pydantic import BaseModel, TypeAdapter, ValidationError

from lr_demo.errors import WeightsError
from lr_demo.serving.cache import Cache, gigabytes
from lr_demo.serving.catalogue import CatalogueEntry, PinnedFile
from lr_demo.serving.errors import SourceUnavailable
from lr_demo.serving.hashing import hash_file, in_thread
from lr_demo.serving.progress import Report, part_of
from lr_demo.serving.sources import Source, default_sources

_MARKER = "verified.json"


class _Verified(BaseModel):
    """That a file with this size and time of change was hashed, and what came out."""

    size: int
    mtime_ns: int
    sha256: str


_MARKERS = TypeAdapter(dict[str, _Verified])


@dataclass(frozen=True, slots=True)
class Weights:
    """The models of the catalogue, kept in `cache`."""

    cache: Cache
    sources: tuple[Source, ...] = field(default_factory=default_sources)

    def folder(self, entry: CatalogueEntry) -> Path:
        """Where the model's files are, once they are."""
        return self.cache.weights / entry.name

    def present(self, entry: CatalogueEntry) -> bool:
        """Whether every file is there and was verified; costs no hashing."""
        folder = self.folder(entry)
        markers = _read_markers(folder)
        return all(_vouched(folder, file, markers) for file in entry.files)

    async def ensure(self, entry: CatalogueEntry, report: Report) -> Path:
        """The folder with all files of the model, verified; fetches what is missing.

        Safe to call from several processes at once. After an interruption, the next call goes on
        where this one stopped.

        Raises:
            WeightsError: not to be had, wrong, or no room; nothing unverified has a final name.
        """
        folder = self.folder(entry)
        if self.present(entry):
            return folder
        report(None, "checking its weights")
        try:
            async with AsyncFileLock(self.cache.locks / f"{entry.name}.lock"):
                folder.mkdir(parents=True, exist_ok=True)
                await self._complete(entry, folder, report)
        except OSError as error:
            raise WeightsError(
                f"{entry.title} could not be stored in {folder} ({error.strerror or error}): "
                f"it needs {gigabytes(2 * entry.size)} of room while it is fetched"
            ) from error
        return folder

    async def _complete(self, entry: CatalogueEntry, folder: Path, report: Report) -> None:
        markers = _read_markers(folder)
        missing = []
        for file in entry.files:
            if not _vouched(folder, file, markers):
                report(None, f"verifying {file.path}")
                if await self._adopt(folder, file, markers):
                    _write_markers(folder, markers)
                else:
                    missing.append(file)
        pieces = self.cache.parts / entry.name
        pieces.mkdir(exist_ok=True)
        fetched = sum(path.stat().st_size for path in pieces.glob("*") if path.is_file())
        size = sum(file.size for file in missing)
        if missing:  # pieces and the joined file lie side by side for a while
            self.cache.require_space(max(2 * size - fetched, 0), f"fetching {entry.title}")
        done = 0
        for file in missing:
            await self._fetch(entry, file, pieces, part_of(report, done / size, (done + file.size) / size))
            done += file.size
            markers[file.path] = _marker(folder / file.path, file.sha256)
            _write_markers(folder, markers)
        rmtree(pieces)

    async def _adopt(self, folder: Path, file: PinnedFile, markers: dict[str, _Verified]) -> bool:
        """Take a file that is there into the verified ones if its digest is right; remove it if not."""
        path = folder / file.path
        if not path.is_file():
            return False
        digest = await in_thread(lambda check: hash_file(path, check))
        if digest.hexdigest() != file.sha256:
            path.unlink()
            return False
        markers[file.path] = _marker(path, file.sha256)
        return True

    async def _fetch(self, entry: CatalogueEntry, file: PinnedFile, pieces: Path, report: Report) -> None:
        """Bring one file to its final name from the first source that has the right one."""
        reasons = []
        target = self.folder(entry) / file.path
        for number, source in enumerate(self.sources):
            part = pieces / f"{file.sha256[:16]}-{number}.part"
            try:
                digest = await source.fetch(entry, file, part, pieces, report)
            except SourceUnavailable as unavailable:
                reasons.append(f"{source.name}: {unavailable}")
                continue
            if digest == file.sha256:
                target.parent.mkdir(parents=True, exist_ok=True)
                part.replace(target)
                return
            _empty(pieces)  # nothing of what led to a wrong file is worth keeping
            reasons.append(f"{source.name}: what came has the SHA-256 {digest}, not {file.sha256}, and was deleted")
        raise WeightsError(
            f"{entry.title} could not be fetched. {'; '.join(reasons)}. Connect to one of them and try again, "
            f"or put {file.path} with the SHA-256 {file.sha256} into {self.folder(entry)}"
        )


def _empty(folder: Path) -> None:
    rmtree(folder)
    folder.mkdir()


def _marker(path: Path, sha256: str) -> _Verified:
    status = path.stat()
    return _Verified(size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=sha256)


def _vouched(folder: Path, file: PinnedFile, markers: dict[str, _Verified]) -> bool:
    """Whether the file is there, unchanged since it was verified."""
    path = folder / file.path
    return path.is_file() and markers.get(file.path) == _marker(path, file.sha256)


def _read_markers(folder: Path) -> dict[str, _Verified]:
    try:
        return _MARKERS.validate_json((folder / _MARKER).read_bytes())
    except (OSError, ValidationError):
        return {}  # then the files are hashed again


def _write_markers(folder: Path, markers: dict[str, _Verified]) -> None:
    part = folder / f"{_MARKER}.part"
    part.write_text(json.dumps({path: marker.model_dump() for path, marker in markers.items()}, indent=1))
    part.replace(folder / _MARKER)
