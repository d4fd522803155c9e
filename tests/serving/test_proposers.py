"""The model inside a server that proposes tokens: found, fetched and named as the engine takes it."""

import asyncio
from pathlib import Path

import pytest

from lr_demo.config import DraftModelSpeculation, EagleSpeculation, LlamaCppServer, NgramSpeculation, VllmServer
from lr_demo.errors import WeightsError
from lr_demo.serving import models
from lr_demo.serving.cache import Cache
from lr_demo.serving.conversion import FOR_VLLM, TO_Q4_0, Conversion
from lr_demo.serving.models import prepare_proposer
from lr_demo.serving.weights import Weights
from tests.serving.small_models import CONTENT, ScriptedSource, small_entry


def prepared(config: VllmServer | LlamaCppServer, tmp_path: Path) -> str:
    """The speculation's model as the engine is told it; `small` of the catalogue is there."""
    cache = Cache(tmp_path / "cache")
    weights = Weights(cache, (ScriptedSource(CONTENT),))

    async def scenario() -> VllmServer | LlamaCppServer:
        await weights.ensure(small_entry(), lambda share, sentence: None)
        return await prepare_proposer(config, cache, weights, lambda share, sentence: None)

    speculation = asyncio.run(scenario()).speculation
    assert isinstance(speculation, DraftModelSpeculation | EagleSpeculation)
    return speculation.model


@pytest.fixture(autouse=True)
def _small_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "CATALOGUE", {"small": small_entry()})


def test_llama_cpp_is_told_the_file_of_a_catalogue_model(tmp_path: Path) -> None:
    speculation = DraftModelSpeculation(method="draft_model", model="small")
    config = LlamaCppServer(engine="llama.cpp", model="small", speculation=speculation)
    assert Path(prepared(config, tmp_path)).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("config", "conversion"),
    [
        (VllmServer(engine="vllm", model="some/target"), FOR_VLLM),
        (LlamaCppServer(engine="llama.cpp", model="small", quantize="q4_0"), TO_Q4_0),
    ],
)
def test_an_engine_is_told_the_converted_catalogue_model(
    config: VllmServer | LlamaCppServer, conversion: Conversion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def converted(cache: Cache, source: Path, sha256: str, report: object, to: Conversion) -> Path:
        assert to is conversion
        return cache.converted / source.stem

    monkeypatch.setattr(models, "ensure_converted", converted)
    speculation = DraftModelSpeculation(method="draft_model", model="small")
    config = config.model_copy(update={"speculation": speculation})
    assert prepared(config, tmp_path) == str(tmp_path / "cache" / "converted" / "model")


def test_a_head_on_the_hub_stays_a_name(tmp_path: Path) -> None:
    speculation = EagleSpeculation(method="eagle3", model="some/head")
    assert prepared(VllmServer(engine="vllm", model="some/target", speculation=speculation), tmp_path) == "some/head"


def test_a_proposer_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    speculation = DraftModelSpeculation(method="draft_model", model="nowhere")
    with pytest.raises(WeightsError, match="there is no model 'nowhere'"):
        prepared(VllmServer(engine="vllm", model="some/target", speculation=speculation), tmp_path)


def test_a_server_whose_proposals_need_no_model_stays_as_it_is(tmp_path: Path) -> None:
    config = VllmServer(engine="vllm", model="some/target", speculation=NgramSpeculation(method="ngram"))
    cache = Cache(tmp_path)
    assert asyncio.run(prepare_proposer(config, cache, Weights(cache, ()), lambda share, sentence: None)) is config
