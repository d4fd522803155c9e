"""Model files from the Hugging Face hub, given up within seconds where there is none."""

import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache
from huggingface_hub.utils._headers import build_hf_headers

from lr_demo.serving.cache import gigabytes
from lr_demo.serving.catalogue import CatalogueEntry, PinnedFile
from lr_demo.serving.errors import SourceUnavailable
from lr_demo.serving.hashing import hash_file, in_thread
from lr_demo.serving.progress import Report

CONNECT_S = 3.0
"""Seconds after which a hub that does not answer is given up."""
READ_S = 30.0
"""Longest silence within a download, seconds."""


class HubSource:
    """The hub that `huggingface_hub` is set up for; its cache and its offline switch are respected."""

    name = "the model hub"

    def __init__(self) -> None:
        self._unreachable: str | None = None

    async def fetch(self, entry: CatalogueEntry, file: PinnedFile, part: Path, pieces: Path, report: Report) -> str:
        """As `Source.fetch` says; resumes in mid-file."""
        cached = try_to_load_from_cache(entry.repository, file.path)
        if isinstance(cached, str) and _size(Path(cached)) == file.size:
            report(None, f"copying {file.path} from the hub's own cache")
            await in_thread(lambda check: shutil.copyfile(cached, part))
        elif constants.is_offline_mode():
            raise SourceUnavailable("it is switched off (HF_HUB_OFFLINE)")
        elif self._unreachable:
            raise SourceUnavailable(self._unreachable)
        digest = hashlib.sha256()
        if 0 < _size(part) <= file.size:
            digest = await in_thread(lambda check: hash_file(part, check))
        while (done := _size(part)) < file.size:
            digest = await self._download(entry, file, part, digest, report)
            if _size(part) <= done:
                raise SourceUnavailable(f"the download stopped at {gigabytes(done)}")
        return digest.hexdigest()

    async def _download(
        self, entry: CatalogueEntry, file: PinnedFile, part: Path, digest: "hashlib._Hash", report: Report
    ) -> "hashlib._Hash":
        """Add to `part` what the hub sends before it stops; the digest of what is there then."""
        done = _size(part)
        async with self._response(entry, file, done) as response:
            if response.status_code == httpx.codes.OK:  # it cannot resume: from the start
                done, digest = 0, hashlib.sha256()
            coming = response.headers.get("content-length")
            if coming is not None and done + int(coming) != file.size:
                raise SourceUnavailable(f"its {file.path} has another size than the one this program knows")
            with part.open("ab" if done else "wb") as output:
                try:
                    async for chunk in response.aiter_raw():  # as it comes: buffering would lose what a break cuts off
                        output.write(chunk)
                        digest.update(chunk)
                        done += len(chunk)
                        sentence = f"downloading {file.path}: {gigabytes(done)} of {gigabytes(file.size)}"
                        report(done / file.size, sentence)
                        if done > file.size:
                            raise SourceUnavailable(f"its {file.path} is longer than the one this program knows")
                except httpx.TransportError:
                    pass  # the caller sees how far it came
        return digest

    @asynccontextmanager
    async def _response(self, entry: CatalogueEntry, file: PinnedFile, start: int) -> AsyncIterator[httpx.Response]:
        headers = {**build_hf_headers(library_name="lookahead-live"), "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
        url = hf_hub_url(entry.repository, file.path)
        async with httpx.AsyncClient(follow_redirects=True, timeout=timeout) as client:
            try:
                response = await client.send(client.build_request("GET", url, headers=headers), stream=True)
            except httpx.TransportError as error:
                self._unreachable = f"it cannot be reached ({str(error) or type(error).__name__})"
                raise SourceUnavailable(self._unreachable) from None
            try:
                if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
                    raise SourceUnavailable(f"it answers HTTP {response.status_code} for {entry.repository}")
                yield response
            finally:
                await response.aclose()


def _size(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    return path.stat().st_size if path.exists() else 0
