"""What a model takes in memory follows from its config.json, which is found where it lies nearest."""

import json
from pathlib import Path

import httpx
import pytest
from huggingface_hub import constants

from lr_demo.config import load_profile, profile_names
from lr_demo.config.servers import LlamaCppServer, VllmServer
from lr_demo.serving.architecture import Architecture, read_architecture
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CATALOGUE
from lr_demo.serving.config_json import SHIPPED, Architectures
from lr_demo.serving.conversion import converted_model
from lr_demo.serving.errors import UnknownArchitecture
from lr_demo.serving.models import HubModel, LocalModel, find_model, proposer_of

GIB = 2**30


def shipped(name: str) -> Architecture:
    return read_architecture((SHIPPED / f"{name}.json").read_bytes())


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Qwen3-32B", 32.8),
        ("Qwen3-8B", 8.19),
        ("Qwen3-1.7B", 1.72),
        ("Qwen3-0.6B", 0.596),
        ("Qwen2.5-7B-Instruct", 7.62),
        ("Qwen2.5-1.5B-Instruct", 1.54),
        ("DeepSeek-R1-Distill-Qwen-32B", 32.8),
        ("DeepSeek-R1-Distill-Qwen-1.5B", 1.78),
        ("Qwen2.5-Coder-1.5B-Instruct", 1.54),
        ("Qwen2.5-Coder-0.5B-Instruct", 0.494),
        ("SmolLM2-135M-Instruct", 0.1345),
    ],
)
def test_the_parameters_counted_are_those_published(name: str, billions: float) -> None:
    assert shipped(name).parameters / 1e9 == pytest.approx(billions, rel=0.01)


def test_every_model_of_a_shipped_profile_has_a_known_architecture(tmp_path: Path) -> None:
    architectures = Architectures(Cache(tmp_path))
    for name in profile_names():
        for server in load_profile(name).servers.values():
            if isinstance(server, VllmServer | LlamaCppServer):
                proposer = proposer_of(server)
                for config in (server, proposer) if proposer else (server,):
                    assert architectures(find_model(config)).parameters > 1e8


def test_a_token_in_the_cache_is_keys_and_values_of_every_layer() -> None:
    assert shipped("Qwen3-32B").cache_bytes(2) == 64 * 2 * 8 * 128 * 2


def test_two_gpus_hold_half_of_everything_but_norms() -> None:
    model = shipped("Qwen3-32B")
    assert model.weight_bytes(2, tensor=2) / model.weight_bytes(2) == pytest.approx(0.5, rel=1e-3)
    assert model.cache_bytes(2, tensor=2) * 2 == model.cache_bytes(2)


def test_a_pipeline_s_fullest_stage_has_one_end_and_its_layers() -> None:
    model = shipped("Qwen3-32B")
    end = model.vocabulary * model.hidden * 2
    assert model.weight_bytes(2, pipeline=2) == (model.weight_bytes(2) - 2 * end) // 2 + end
    assert model.weight_bytes(2, pipeline=3) > model.weight_bytes(2) / 3


def test_kv_heads_fewer_than_gpus_are_kept_by_several() -> None:
    model = shipped("DeepSeek-R1-Distill-Qwen-1.5B")  # 12 heads, 2 KV heads
    assert model.indivisible(4) is None
    assert model.cache_bytes(2, tensor=4) == model.cache_bytes(2, tensor=2) == model.cache_bytes(2) // 2


@pytest.mark.parametrize(
    ("name", "tensor", "reason"),
    [
        ("Qwen3-32B", 3, "does not divide its 64 attention heads"),
        ("Qwen2.5-7B-Instruct", 8, "does not divide its 28 attention heads"),
        ("DeepSeek-R1-Distill-Qwen-1.5B", 3, "its 2 KV heads do not divide by each other"),
        ("Qwen2.5-Coder-0.5B-Instruct", 14, "does not divide its MLP's width of 4864"),
    ],
)
def test_a_model_that_cannot_be_spread_evenly_says_why(name: str, tensor: int, reason: str) -> None:
    assert reason in (shipped(name).indivisible(tensor) or "")


def test_quantized_layers_take_their_bits_and_the_rest_stays() -> None:
    config = json.loads((SHIPPED / "Qwen3-32B.json").read_text())
    plain, fp8, awq = (
        read_architecture(json.dumps(config | ({"quantization_config": quantization} if quantization else {})))
        for quantization in (None, {"quant_method": "fp8"}, {"quant_method": "awq", "bits": 4})
    )
    assert plain.weight_bytes(2) / GIB == pytest.approx(61.0, abs=0.1)
    assert fp8.weight_bytes(2) / GIB == pytest.approx(32.0, abs=0.2)
    assert awq.weight_bytes(2) / GIB == pytest.approx(17.4, abs=0.2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "deepseek_v3"}, "models of the type deepseek_v3 are not counted"),
        ({"hidden_size": None}, "hidden_size"),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, "compressed-tensors"),
    ],
)
def test_what_cannot_be_counted_is_said(change: dict[str, object], reason: str) -> None:
    config = json.loads((SHIPPED / "Qwen3-32B.json").read_text())
    with pytest.raises(UnknownArchitecture, match=reason):
        read_architecture(json.dumps(config | change))


def test_a_scaled_position_encoding_leaves_the_context_to_vllm() -> None:
    config = json.loads((SHIPPED / "Qwen3-32B.json").read_text())
    assert read_architecture(json.dumps(config)).context == 40960
    assert read_architecture(json.dumps(config | {"rope_scaling": {"rope_type": "yarn", "factor": 4}})).context is None


def test_a_folder_of_the_user_s_is_read_itself(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((SHIPPED / "Qwen3-0.6B.json").read_bytes())
    assert Architectures(Cache(tmp_path))(LocalModel(tmp_path)) == shipped("Qwen3-0.6B")


def test_a_converted_model_is_read_as_it_was_converted(tmp_path: Path) -> None:
    cache, entry = Cache(tmp_path), CATALOGUE["qwen2.5-coder-1.5b"]
    assert Architectures(cache)(entry).tied
    config = json.loads((SHIPPED / f"{entry.title}.json").read_text())
    folder = converted_model(cache, Path(entry.files[0].path), entry.files[0].sha256)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    assert not Architectures(cache)(entry).tied


def test_a_hub_that_is_not_there_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def get(url: str, **options: object) -> httpx.Response:
        asked.append(url)
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setattr(constants, "is_offline_mode", lambda: False)
    architectures = Architectures(Cache(tmp_path))
    for name in ("someone/unheard-of", "someone/unheard-of-too"):
        with pytest.raises(UnknownArchitecture, match=r"hub cannot be reached \(no route\)"):
            architectures(HubModel(name))
    assert len(asked) == 1


def test_a_model_of_the_hub_is_read_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = httpx.Response(200, content=(SHIPPED / "Qwen3-0.6B.json").read_bytes())
    monkeypatch.setattr(httpx, "get", lambda url, **options: answer)
    monkeypatch.setattr(constants, "is_offline_mode", lambda: False)
    assert Architectures(Cache(tmp_path))(HubModel("someone/Qwen3-32B")) == shipped("Qwen3-0.6B")
