"""Weights that are quantized anew, once, for llama.cpp: the same model, smaller, that answers as before."""

import httpx
import numpy as np
import pytest

from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CATALOGUE
from lr_demo.serving.conversion import TO_Q4_0, converted_model
from lr_demo.serving.weights import Weights
from tests.engines import LLAMACPP_SMOL, one_server

TIMEOUT_S = 120.0
DAYS = "The days of the week are Monday, Tuesday,"
QUANTIZED = LLAMACPP_SMOL.model_copy(update={"quantize": "q4_0"})


@pytest.mark.llamacpp
def test_a_model_that_is_quantized_anew_is_smaller_and_nearly_the_same() -> None:
    from gguf import GGMLQuantizationType, GGUFReader
    from gguf.quants import dequantize

    with one_server(QUANTIZED) as endpoint:
        body = {"model": endpoint.model, "prompt": DAYS, "max_tokens": 6, "temperature": 0}
        answer = httpx.post(f"{endpoint.base_url}/completions", json=body, timeout=TIMEOUT_S).raise_for_status().json()
        assert answer["choices"][0]["text"].startswith(" Wednesday, Thursday")
    entry, cache = CATALOGUE[QUANTIZED.model], Cache.default()
    source = Weights(cache, ()).folder(entry) / entry.files[0].path
    result = converted_model(cache, source, entry.files[0].sha256, TO_Q4_0)
    assert result.stat().st_size < source.stat().st_size
    before, after = ({tensor.name: tensor for tensor in GGUFReader(file).tensors} for file in (source, result))
    assert list(before) == list(after)
    quantized = [name for name in after if after[name].tensor_type is not before[name].tensor_type]
    assert len(quantized) > 200
    assert {after[name].tensor_type for name in quantized} == {GGMLQuantizationType.Q4_0}
    for name in quantized:
        old, new = (dequantize(each[name].data, each[name].tensor_type) for each in (before, after))
        assert np.linalg.norm(new - old) < 0.15 * np.linalg.norm(old), name
