"""Real engines answer, and agree about what a text's tokens are."""

import asyncio
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil
import pytest

from lr_demo import limits
from lr_demo.errors import ServingError, WeightsError
from lr_demo.serving.cache import Cache
from lr_demo.serving.conversion import FOR_VLLM, TO_Q4_0, Conversion, ensure_converted
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.health import Looks, until_hung
from lr_demo.serving.readiness import check_completion
from tests.engines import SUSPENDING
from tests.serving.processes_of import gone_within

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
    assert "three" in answer["choices"][0]["text"]
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


@pytest.mark.llamacpp
@pytest.mark.vllm
def test_the_converted_model_goes_on_as_the_gguf_one(llamacpp_endpoint: Endpoint, vllm_endpoint: Endpoint) -> None:
    prompt = "The days of the week are Monday, Tuesday,"
    texts = []
    for endpoint in (llamacpp_endpoint, vllm_endpoint):
        body = {"model": endpoint.model, "prompt": prompt, "max_tokens": 6, "temperature": 0}
        answer = httpx.post(f"{endpoint.base_url}/completions", json=body, timeout=TIMEOUT_S).raise_for_status().json()
        texts.append(answer["choices"][0]["text"])
    assert texts[0] == texts[1]
    assert texts[0].startswith(" Wednesday, Thursday")


@pytest.mark.vllm
def test_vllm_adds_no_sampling_settings_of_its_own(vllm_endpoint: Endpoint) -> None:
    """Two requests that name only a seed and a temperature draw from the whole distribution, top-k off."""
    drawn = set()
    for seed in range(40):
        body = {"model": vllm_endpoint.model, "prompt": "Word:", "max_tokens": 1, "temperature": 2.0, "seed": seed}
        answer = httpx.post(f"{vllm_endpoint.base_url}/completions", json=body, timeout=TIMEOUT_S).json()
        drawn.add(answer["choices"][0]["text"])
    assert len(drawn) > 35


APPLICATION = """
import asyncio, sys
from pathlib import Path
from lr_demo.serving.fleet import Fleet
from tests.engines import VLLM_SMOL, one_server_profile
fleet = Fleet(one_server_profile(VLLM_SMOL), on_change=lambda: print(fleet.statuses()[0].detail, flush=True))
asyncio.run(fleet.start())
"""


@pytest.mark.vllm
@pytest.mark.timeout(600)
@pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed")
def test_killing_the_application_leaves_no_process_of_vllm() -> None:
    with subprocess.Popen([sys.executable, "-c", APPLICATION], stdout=subprocess.PIPE, text=True) as application:
        assert application.stdout is not None
        for line in application.stdout:
            if "reading the weights" in line:  # the server and its engine, forked from it, are up
                break
        below = [process.pid for process in psutil.Process(application.pid).children(recursive=True)]
        application.kill()
    assert len(below) >= 3  # with what watches over them
    assert gone_within(5, below)


@pytest.mark.vllm
@pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed")
@pytest.mark.parametrize("conversion", [FOR_VLLM, TO_Q4_0])
def test_a_file_that_cannot_be_converted_leaves_nothing(tmp_path: Path, conversion: Conversion) -> None:
    source = tmp_path / "damaged.gguf"
    source.write_bytes(b"GGUF" + bytes(1000))
    cache = Cache(tmp_path / "cache")
    said = rf"damaged\.gguf could not be converted {conversion.purpose}: .*the whole log is"
    with pytest.raises(WeightsError, match=said):
        asyncio.run(ensure_converted(cache, source, "0" * 64, lambda share, sentence: None, conversion))
    assert list(cache.converted.iterdir()) == []


@SUSPENDING
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("llamacpp_endpoint", marks=pytest.mark.llamacpp, id="llama.cpp"),
        pytest.param("vllm_endpoint", marks=[pytest.mark.vllm, pytest.mark.timeout(900)], id="vllm"),
    ],
)
def test_an_engine_that_stops_computing_is_found_and_one_at_work_is_not(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint: Endpoint = request.getfixturevalue(name)
    monkeypatch.setattr(limits, "QUIET_S", 0.5)
    quick = {"HEALTH_PERIOD_S": 0.2, "HEALTH_NOTICE_S": 3.0, "HEALTH_LIMIT_S": 6.0}
    said: list[bool] = []

    async def look() -> None:
        work = asyncio.create_task(keep_busy(endpoint))
        async with httpx.AsyncClient(timeout=None) as client:
            looks = Looks(endpoint, client)
            for _ in range(5):
                await looks.sign()
        assert not work.done()
        work.cancel()
        engine = engine_process(endpoint)
        engine.suspend()
        try:
            with monkeypatch.context() as impatient:  # and no longer: its fleet would end the engine for being busy
                for limit, seconds in quick.items():
                    impatient.setattr(limits, limit, seconds)
                async with asyncio.timeout(TIMEOUT_S):
                    await until_hung(endpoint, said.append)
        finally:
            with suppress(psutil.NoSuchProcess):
                engine.resume()
        assert said[-1]
        async with asyncio.timeout(2 * TIMEOUT_S):
            while not await completes(endpoint):  # noqa: ASYNC110 - the fleet may have started it again
                await asyncio.sleep(1)

    asyncio.run(look())


async def completes(endpoint: Endpoint) -> bool:
    try:
        await check_completion(endpoint)
    except ServingError:
        return False
    return True


async def keep_busy(endpoint: Endpoint) -> None:
    """Have a server read and write until cancelled."""
    body = {"model": endpoint.model, "prompt": "Count: " + "1 2 3 " * 100, "max_tokens": 500, "stream": True}
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
        while True:
            async with client.stream("POST", f"{endpoint.base_url}/completions", json=body) as answer:
                async for _ in answer.aiter_lines():
                    pass


def engine_process(endpoint: Endpoint) -> psutil.Process:
    """The process that computes: with vLLM not the one that answers."""
    port = httpx.URL(endpoint.base_url).port
    processes = psutil.Process().children(recursive=True)
    if endpoint.dialect == "vllm":
        (found,) = (process for process in processes if "EngineCore" in " ".join(process.cmdline()))
        return found
    return next(p for p in processes if any(c.laddr.port == port for c in p.net_connections("tcp")))
