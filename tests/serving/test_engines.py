"""Real engines answer, and agree about what a text's tokens are."""

import httpx
import pytest

from lr_demo.serving.endpoint import Endpoint

TEXTS = (
    "The answer is $x_1 = 3.50$.\n\nSo\n\n\n  we stop\there.",
    "def f(x):\n    return x ** 2  # ünïcødé 你好 🙂\n",
    "1234567890 + 0.125 = ?",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
)
TIMEOUT_S = 120.0
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}]


def _llamacpp_ids(endpoint: Endpoint, text: str) -> list[int]:
    root = endpoint.base_url.removesuffix("/v1")
    body = {"content": text, "add_special": False, "parse_special": True}
    ids: list[int] = httpx.post(f"{root}/tokenize", json=body, timeout=TIMEOUT_S).raise_for_status().json()["tokens"]
    return ids


def _vllm_ids(endpoint: Endpoint, body: dict[str, object]) -> list[int]:
    root = endpoint.base_url.removesuffix("/v1")
    answer = (
        httpx.post(f"{root}/tokenize", json={"model": endpoint.model, **body}, timeout=TIMEOUT_S)
        .raise_for_status()
        .json()
    )
    ids: list[int] = answer["tokens"]
    return ids


@pytest.mark.llamacpp
def test_llamacpp_is_ready_only_when_it_completes(llamacpp_endpoint: Endpoint) -> None:
    body = {"model": llamacpp_endpoint.model, "prompt": "One, two,", "max_tokens": 3, "temperature": 0}
    answer = (
        httpx.post(f"{llamacpp_endpoint.base_url}/completions", json=body, timeout=TIMEOUT_S).raise_for_status().json()
    )
    assert answer["choices"][0]["text"].strip().startswith("three")
    assert llamacpp_endpoint.vocabulary == "smollm2"


@pytest.mark.llamacpp
@pytest.mark.vllm
def test_the_converted_tokenizer_gives_the_ids_of_the_gguf_one(
    llamacpp_endpoint: Endpoint, vllm_endpoint: Endpoint
) -> None:
    for text in TEXTS:
        ids = _vllm_ids(vllm_endpoint, {"prompt": text, "add_special_tokens": False})
        assert ids == _llamacpp_ids(llamacpp_endpoint, text)


@pytest.mark.llamacpp
@pytest.mark.vllm
def test_the_converted_chat_template_is_the_gguf_one(llamacpp_endpoint: Endpoint, vllm_endpoint: Endpoint) -> None:
    root = llamacpp_endpoint.base_url.removesuffix("/v1")
    prompt = (
        httpx.post(f"{root}/apply-template", json={"messages": CHAT}, timeout=TIMEOUT_S)
        .raise_for_status()
        .json()["prompt"]
    )
    ids = _vllm_ids(vllm_endpoint, {"messages": CHAT, "add_generation_prompt": True})
    assert ids == _llamacpp_ids(llamacpp_endpoint, prompt)
