"""Weights take their final names only when verified, whatever happens on the way."""

import asyncio
import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from lr_demo.errors import WeightsError
from lr_demo.serving import hashing, weights
from lr_demo.serving.cache import CACHE_VARIABLE, Cache
from lr_demo.serving.errors import SourceUnavailable
from lr_demo.serving.weights import Weights
from tests.serving.small_models import CONTENT, ScriptedSource, small_entry, small_file

ENTRY = small_entry()
MODEL = "weights/small/model.gguf"


def ensure(cache: Path, *sources: ScriptedSource) -> Path:
    return asyncio.run(Weights(Cache(cache), sources).ensure(ENTRY, lambda share, sentence: None))


def everything_in(cache: Path) -> set[str]:
    return {str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_a_fetched_file_is_verified_and_kept(tmp_path: Path) -> None:
    source = ScriptedSource()
    folder = ensure(tmp_path, source)
    assert (folder / "model.gguf").read_bytes() == CONTENT
    assert everything_in(tmp_path) == {MODEL, "weights/small/verified.json"}
    assert Weights(Cache(tmp_path), ()).present(ENTRY)


def test_a_verified_file_is_neither_fetched_nor_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(tmp_path, ScriptedSource())
    monkeypatch.setattr(weights, "hash_file", None)
    source = ScriptedSource()
    ensure(tmp_path, source)
    assert source.asked == 0


def test_a_file_put_there_by_hand_is_verified_and_taken(tmp_path: Path) -> None:
    path = tmp_path / MODEL
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    source = ScriptedSource()
    ensure(tmp_path, source)
    assert source.asked == 0
    assert Weights(Cache(tmp_path), ()).present(ENTRY)


def test_a_file_that_changed_after_it_was_verified_is_fetched_anew(tmp_path: Path) -> None:
    folder = ensure(tmp_path, ScriptedSource())
    damaged = CONTENT[:-1] + b"!"
    (folder / "model.gguf").write_bytes(damaged)
    os.utime(folder / "model.gguf", ns=(0, 0))
    source = ScriptedSource()
    ensure(tmp_path, source)
    assert source.asked == 1
    assert (folder / "model.gguf").read_bytes() == CONTENT


def test_a_damaged_marker_only_costs_hashing(tmp_path: Path) -> None:
    folder = ensure(tmp_path, ScriptedSource())
    (folder / "verified.json").write_text("{not json")
    source = ScriptedSource()
    ensure(tmp_path, source)
    assert source.asked == 0


def test_a_wrong_digest_leaves_nothing_and_names_both(tmp_path: Path) -> None:
    wrong = b"x" * len(CONTENT)
    with pytest.raises(WeightsError) as caught:
        ensure(tmp_path, ScriptedSource(wrong))
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert ENTRY.files[0].sha256 in str(caught.value)
    assert everything_in(tmp_path) == set()


def test_after_a_wrong_file_the_next_source_is_asked(tmp_path: Path) -> None:
    ensure(tmp_path, ScriptedSource(b"wrong"), ScriptedSource(SourceUnavailable("closed")), ScriptedSource())
    assert (tmp_path / MODEL).read_bytes() == CONTENT


def test_without_any_source_the_message_says_where_to_put_the_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        ensure(tmp_path, ScriptedSource(SourceUnavailable("it cannot be reached")))
    message = str(caught.value)
    assert "Small could not be fetched. the test: it cannot be reached" in message
    assert f"put model.gguf with the SHA-256 {ENTRY.files[0].sha256} into {tmp_path / 'weights/small'}" in message
    assert everything_in(tmp_path) == set()


def test_too_little_room_is_said_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100_000_000))
    source = ScriptedSource()
    with pytest.raises(
        WeightsError, match=f"not enough disk space for fetching Small: .* 100 MB are free; .*{CACHE_VARIABLE}"
    ):
        ensure(tmp_path, source)
    assert source.asked == 0


def test_a_disk_that_fills_up_leaves_no_file_under_the_final_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"could not be stored in .*No space left on device"):
        ensure(tmp_path, ScriptedSource(OSError(errno.ENOSPC, "No space left on device")))
    assert not (tmp_path / MODEL).exists()


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match=f"the cache folder .*file/weights cannot be made .*{CACHE_VARIABLE}"):
        ensure(tmp_path / "file", ScriptedSource())


def test_what_an_interrupted_fetch_left_is_there_at_the_next_one(tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def leave_a_beginning(part: Path) -> None:
        part.write_bytes(CONTENT[:5000])
        raise Interrupted

    found: list[int] = []
    with pytest.raises(Interrupted):
        ensure(tmp_path, ScriptedSource(before=leave_a_beginning))
    assert not (tmp_path / MODEL).exists()
    ensure(tmp_path, ScriptedSource(before=lambda part: found.append(part.stat().st_size)))
    assert found == [5000]


def test_two_that_want_the_same_model_fetch_it_once(tmp_path: Path) -> None:
    source = ScriptedSource()

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                store = Weights(Cache(tmp_path), (source,))
                group.create_task(store.ensure(ENTRY, lambda share, sentence: None))

    asyncio.run(scenario())
    assert source.asked == 1


def test_the_progress_of_several_files_is_one_progress(tmp_path: Path) -> None:
    entry = small_entry(small_file("a/one.bin"), small_file("two.bin"))
    shares: list[float] = []

    def report(share: float | None, sentence: str, /) -> None:
        if share is not None:
            shares.append(share)

    asyncio.run(Weights(Cache(tmp_path), (ScriptedSource(),)).ensure(entry, report))
    assert shares == [0.25, 0.75]
    assert (tmp_path / "weights/small/a/one.bin").read_bytes() == CONTENT


def test_hashing_stops_soon_after_its_task_is_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2 * 2**30)
    chunks = 0

    async def scenario() -> None:
        def work(check: Callable[[], None]) -> None:
            nonlocal chunks

            def counting_check() -> None:
                nonlocal chunks
                chunks += 1
                check()

            hashing.hash_file(path, counting_check)

        task = asyncio.create_task(hashing.in_thread(work))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
    assert 0 < chunks < 1500


def test_the_cache_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "there"))
    assert Cache.default().root == tmp_path / "there"
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Cache.default().root == tmp_path / "xdg" / "lookahead-live"
