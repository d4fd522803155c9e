"""Weights from the model hub: a small one on loopback, with the habits of the real one."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from lr_demo.errors import WeightsError
from lr_demo.serving.cache import Cache
from lr_demo.serving.hub import HubSource
from lr_demo.serving.weights import Weights
from tests.serving.small_models import CONTENT, small_entry

ENTRY = small_entry()
PATH = "/someone/small/resolve/main/model.gguf"


class Hub(ThreadingHTTPServer):
    """Serves one file, redirected as by the real one; breaks off as often as it is told."""

    content = CONTENT
    break_after: int | None = None
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ranges: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        if self.path == PATH and self.server.status == 200:
            self.send_response(302)
            self.send_header("Location", "/storage")
            self.end_headers()
        elif self.path == "/storage":
            self._send_content()
        else:
            self.send_error(self.server.status if self.server.status != 200 else 404)

    def _send_content(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        content = self.server.content[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.server.break_after])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with Hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", constants_template(server.address))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def constants_template(address: str) -> str:
    return address + "/{repo_id}/resolve/{revision}/{filename}"


def ensure(tmp_path: Path) -> list[float]:
    shares: list[float] = []

    def report(share: float | None, sentence: str, /) -> None:
        if share is not None:
            shares.append(share)

    asyncio.run(Weights(Cache(tmp_path / "cache"), (HubSource(),)).ensure(ENTRY, report))
    return shares


def test_a_file_is_downloaded_and_verified(tmp_path: Path, hub: Hub) -> None:
    shares = ensure(tmp_path)
    assert (tmp_path / "cache/weights/small/model.gguf").read_bytes() == CONTENT
    assert shares[-1] == 1.0


def test_a_download_that_breaks_off_goes_on_where_it_stopped(tmp_path: Path, hub: Hub) -> None:
    hub.break_after = 6000
    ensure(tmp_path)
    assert hub.ranges == [None, "bytes=6000-", "bytes=12000-"]
    assert (tmp_path / "cache/weights/small/model.gguf").read_bytes() == CONTENT


def test_an_interrupted_download_is_resumed_by_the_next_start(tmp_path: Path, hub: Hub) -> None:
    part = tmp_path / "cache/parts/small" / f"{ENTRY.files[0].sha256[:16]}-0.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:4000])
    ensure(tmp_path)
    assert hub.ranges == ["bytes=4000-"]
    assert (tmp_path / "cache/weights/small/model.gguf").read_bytes() == CONTENT


def test_a_download_that_makes_no_headway_is_given_up(tmp_path: Path, hub: Hub) -> None:
    hub.break_after = 0
    with pytest.raises(WeightsError, match="the model hub: the download stopped at 0 MB"):
        ensure(tmp_path)


def test_another_file_of_the_same_size_is_refused(tmp_path: Path, hub: Hub) -> None:
    hub.content = CONTENT[::-1]
    with pytest.raises(WeightsError, match="the model hub: what came has the SHA-256"):
        ensure(tmp_path)
    assert not (tmp_path / "cache/weights/small/model.gguf").exists()


def test_a_file_of_another_size_is_refused_before_it_is_downloaded(tmp_path: Path, hub: Hub) -> None:
    hub.content = CONTENT + b"more"
    with pytest.raises(WeightsError, match="another size than the one this program knows"):
        ensure(tmp_path)


def test_a_repository_that_is_not_there_is_named(tmp_path: Path, hub: Hub) -> None:
    hub.status = 404
    with pytest.raises(WeightsError, match="it answers HTTP 404 for someone/small"):
        ensure(tmp_path)


def test_without_a_hub_it_is_given_up_at_once_and_asked_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub
) -> None:
    closed = "http://127.0.0.1:9"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", constants_template(closed))
    source = HubSource()
    store = Weights(Cache(tmp_path / "cache"), (source,))
    with pytest.raises(WeightsError, match="the model hub: it cannot be reached"):
        asyncio.run(store.ensure(ENTRY, lambda share, sentence: None))
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", constants_template(hub.address))
    with pytest.raises(WeightsError, match="the model hub: it cannot be reached"):
        asyncio.run(store.ensure(ENTRY, lambda share, sentence: None))
    assert hub.ranges == []


def test_a_hub_that_is_switched_off_is_not_asked(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"switched off \(HF_HUB_OFFLINE\)"):
        ensure(tmp_path)
    assert hub.ranges == []


def test_a_file_in_the_hubs_own_cache_is_taken_from_there(tmp_path: Path, hub: Hub) -> None:
    repository = tmp_path / "hub-cache/models--someone--small"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("0" * 40)
    (repository / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (repository / "snapshots" / ("0" * 40) / "model.gguf").write_bytes(CONTENT)
    ensure(tmp_path)
    assert hub.ranges == []
    assert (tmp_path / "cache/weights/small/model.gguf").read_bytes() == CONTENT
