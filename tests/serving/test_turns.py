"""Servers that would be in each other's way load one after another, all others side by side."""

import asyncio
from pathlib import Path

import pytest

from lr_demo.config import LlamaCppServer, VllmServer
from lr_demo.serving import fleet as fleets
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.models import HubModel, LocalModel
from lr_demo.serving.status import ServerState
from lr_demo.serving.turns import memory_need, shared_while_loading
from tests.serving.stub_fleet import Engine, profile

GIB = 2**30
LLAMA = LlamaCppServer(engine="llama.cpp", model="m")


def gpu_server(*gpus: int, parallel: int = 1) -> VllmServer:
    return VllmServer(engine="vllm", model="m", gpus=gpus, tensor_parallel_size=len(gpus) or parallel)


def in_common(shared: dict[str, frozenset[str]], one: str, other: str) -> frozenset[str]:
    return shared[one] & shared[other]


def test_servers_take_turns_on_the_gpus_they_have_in_common() -> None:
    servers = {"a": gpu_server(0, 1), "b": gpu_server(1, 2), "c": gpu_server(3), "unplaced": gpu_server(parallel=2)}
    shared = shared_while_loading(servers, {}, free=0, on_gpu=True)
    assert in_common(shared, "a", "b") == {"GPU 1"}
    assert in_common(shared, "a", "unplaced") == {"GPU 0", "GPU 1"}
    assert not in_common(shared, "a", "c")
    assert not in_common(shared, "b", "c")


@pytest.mark.parametrize(
    ("needs", "free", "in_turn"),
    [
        ((4 * GIB, 1 * GIB), 5 * GIB, False),
        ((4 * GIB, 1 * GIB), 5 * GIB - 1, True),
        ((4 * GIB, None), 64 * GIB, True),
    ],
    ids=["they fit", "they do not fit", "nobody knows"],
)
def test_on_a_cpu_servers_take_turns_where_memory_is_short(
    needs: tuple[int, int | None], free: int, in_turn: bool
) -> None:
    servers: dict[str, VllmServer | LlamaCppServer] = {
        "target": VllmServer(engine="vllm", model="m"),
        "draft": LLAMA,
    }
    shared = shared_while_loading(servers, dict(zip(servers, needs, strict=True)), free, on_gpu=False)
    assert bool(in_common(shared, "target", "draft")) == in_turn


def test_llama_cpp_beside_vllm_on_a_gpu_waits_for_nobody_where_memory_allows() -> None:
    servers: dict[str, VllmServer | LlamaCppServer] = {"target": gpu_server(0), "draft": LLAMA}
    assert shared_while_loading(servers, {"draft": GIB}, free=GIB, on_gpu=True)["draft"] == frozenset()


def test_the_memory_of_a_server_is_its_weights_as_the_engine_holds_them_and_its_cache(tmp_path: Path) -> None:
    gguf, folder = tmp_path / "m.gguf", tmp_path / "m"
    gguf.write_bytes(bytes(1000))
    folder.mkdir()
    for shard in range(2):
        (folder / f"model-{shard}.safetensors").write_bytes(bytes(500))
    vllm = VllmServer(engine="vllm", model="m", kv_cache_gib=1)
    assert memory_need(vllm, LocalModel(folder)) == GIB + 1200
    assert memory_need(vllm, LocalModel(gguf)) == GIB + 4800, "four bits become sixteen"
    as_float32 = vllm.model_copy(update={"dtype": "float32"})
    assert memory_need(as_float32, LocalModel(folder)) == GIB + 2400
    assert memory_need(LLAMA, LocalModel(gguf)) == LLAMA.context * LLAMA.slots * 64 * 1024 + 1200
    assert memory_need(vllm, HubModel("some/model")) is None


@pytest.mark.parametrize(("gpus", "in_turn"), [((0, 0), True), ((0, 1), False)], ids=["one GPU", "two GPUs"])
def test_a_fleet_starts_servers_of_one_gpu_in_turn(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, gpus: tuple[int, int], in_turn: bool
) -> None:
    monkeypatch.setattr(fleets, "vllm_runs_on_gpu", lambda: True)
    monkeypatch.setattr(fleets, "check_placement", lambda profile: None)
    servers = profile(engine("serve", "target", gpus=gpus[:1]), draft=engine("serve", "draft", gpus=gpus[1:]))
    states: set[tuple[ServerState, ...]] = set()
    details: set[str] = set()

    def note() -> None:
        states.add(tuple(status.state for status in fleet.statuses()))
        details.update(status.detail for status in fleet.statuses())

    fleet = Fleet(servers, cache=tmp_path / "cache", on_change=note)

    async def scenario() -> None:
        await fleet.start()
        await fleet.stop()

    asyncio.run(scenario())
    assert ((ServerState.LOADING, ServerState.LOADING) in states) != in_turn
    assert ("waits until no other server loads (GPU 0)" in details) == in_turn
