"""What the client makes of the streams of vLLM and of llama.cpp, against a fake server that speaks as they do."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from pydantic import BaseModel

from lr_demo.errors import ModelError, ServerGone
from lr_demo.models.connection import Connection
from lr_demo.models.openai_compatible import OpenAIModel
from lr_demo.models.protocol import Chunk, Finish, GenerationRequest, Sampling
from tests.models.stub_server import (
    After,
    Answer,
    Body,
    Handler,
    Stream,
    llama_end,
    llama_event,
    llama_models,
    stub_server,
    vllm_event,
    vllm_models,
)

BYTES = {
    1: b"Hi",
    2: b".\n\n",
    3: b"\n\n\n",
    4: b"\n",
    5: b" \xf0\x9f",
    6: b"\x99",
    7: b"\x82",
    8: b"a",
    9: b"b",
    0: b"",
}
"""The fake vocabulary: 5, 6 and 7 are the bytes of one character, 0 ends an answer."""
END = 0
WHOLE = " \N{SLIGHTLY SMILING FACE}"


class Anything(BaseModel):
    """The shape of an answer of which nothing is read."""


REQUEST = GenerationRequest([8], 20, ("\n\n",), Sampling(0.6, 0.9, 20, 0.05), seed=7)


def text_of(ids: object) -> str:
    assert isinstance(ids, list)
    return b"".join(BYTES[i] for i in ids).decode(errors="replace")


def vllm(stream: Stream | Answer) -> dict[str, Handler]:
    return {
        "/v1/models": lambda _: vllm_models(),
        "/v1/completions": lambda _: stream,
        "/detokenize": lambda body: Answer({"prompt": text_of(body["tokens"])}),
    }


def llama(*streams: Stream | Answer, encoded: Mapping[str, Sequence[int]] | None = None) -> dict[str, Handler]:
    answers = iter(streams)
    return {
        "/v1/models": lambda _: llama_models(),
        "/completion": lambda _: next(answers),
        "/tokenize": lambda body: Answer({"tokens": (encoded or {})[str(body["content"])]}),
        "/detokenize": lambda body: Answer({"content": text_of(body["tokens"])}),
    }


def written(routes: Mapping[str, Handler], request: GenerationRequest = REQUEST) -> tuple[list[Chunk], list[Body]]:
    """The chunks of one generation, and the generation requests the server saw."""

    async def run() -> tuple[list[Chunk], list[Body]]:
        async with stub_server(routes) as stub:
            model = OpenAIModel(stub.endpoint("llama.cpp" if "/completion" in routes else "vllm"))
            try:
                chunks = [chunk async for chunk in model.generate(request)]
            finally:
                await model.close()
            return chunks, stub.bodies("/completion") + stub.bodies("/v1/completions")

    return asyncio.run(run())


def check(chunks: Sequence[Chunk], ids: Sequence[int], text: str, finish: Finish) -> None:
    assert [token for chunk in chunks for token in chunk.token_ids] == list(ids)
    assert "".join(chunk.text for chunk in chunks) == text
    assert [chunk.finish for chunk in chunks] == [None] * (len(chunks) - 1) + [finish]


def test_vllm_text_cut_inside_the_last_token_is_restored() -> None:
    chunks, _ = written(vllm(Stream([vllm_event([1], "Hi"), vllm_event([3], "\n\n", "stop", "\n\n")])))
    check(chunks, [1, 3], "Hi\n\n\n", Finish.STOP)


def test_vllm_several_tokens_in_one_event_keep_the_last_whole() -> None:
    chunks, _ = written(vllm(Stream([vllm_event([1, 4, 3], "Hi\n\n", "stop", "\n\n")])))
    check(chunks, [1, 4, 3], "Hi\n\n\n\n", Finish.STOP)


def test_several_tokens_in_one_event_are_split_behind_a_boundary_where_that_is_asked_for() -> None:
    """Also where the boundary begins in the event before; what would be one again with it is none."""
    events = [
        vllm_event([1, 4], "Hi\n"),
        vllm_event([4, 8, 2, 9], "\na.\n\nb"),
        vllm_event([2], ".\n\n"),
        vllm_event([4, 8, 2, 0], "\na.\n\n", "stop"),
    ]
    asked = GenerationRequest([8], 20, splits=("\n\n",))
    chunks, _ = written(vllm(Stream(events)), asked)
    assert [(chunk.token_ids, chunk.text) for chunk in chunks] == [
        ((1, 4), "Hi\n"),
        ((4,), "\n"),
        ((8, 2), "a.\n\n"),
        ((9,), "b"),
        ((2,), ".\n\n"),
        ((4, 8, 2), "\na.\n\n"),
        ((0,), ""),
    ]
    assert [chunk.passes for chunk in chunks] == [(2,), (1,), (2,), (1,), (1,), (3,), (1,)]
    assert [chunk.finish for chunk in chunks] == [None] * 6 + [Finish.END]
    whole, _ = written(vllm(Stream(events)), GenerationRequest([8], 20))
    assert [chunk.token_ids for chunk in whole] == [(1, 4), (4, 8, 2, 9), (2,), (4, 8, 2, 0)]


@pytest.mark.parametrize("reason", [None, 0])
def test_vllm_end_of_sequence_has_its_id_and_no_text(reason: int | None) -> None:
    chunks, _ = written(vllm(Stream([vllm_event([1], "Hi"), vllm_event([END], "", "stop", reason)])))
    check(chunks, [1, END], "Hi", Finish.END)


def test_vllm_bytes_of_one_character_come_out_together() -> None:
    events = [vllm_event([5], ""), vllm_event([6], ""), vllm_event([7], WHOLE), vllm_event([8], "a", "length")]
    chunks, _ = written(vllm(Stream(events)))
    check(chunks, [5, 6, 7, 8], WHOLE + "a", Finish.LENGTH)
    assert chunks[0] == Chunk((5, 6, 7), WHOLE, passes=(1, 1, 1))


def test_vllm_a_limit_inside_a_character_leaves_the_character_out() -> None:
    chunks, _ = written(vllm(Stream([vllm_event([8, 5], "a"), vllm_event([6], "", "length")])))
    check(chunks, [8, 5], "a", Finish.LENGTH)
    chunks, _ = written(vllm(Stream([vllm_event([8], "a"), vllm_event([9, 5, 6], "b", "length")])))
    check(chunks, [8, 9], "ab", Finish.LENGTH)
    assert [chunk.passes for chunk in chunks] == [(1,), (1,)]


def test_vllm_is_asked_for_exactly_our_sampling() -> None:
    _, (body,) = written(vllm(Stream([vllm_event([1], "Hi", "length")])))
    asked = {"temperature": 0.6, "top_p": 0.9, "top_k": 20, "min_p": 0.05, "seed": 7, "max_tokens": 20, "prompt": [8]}
    neutral = {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
    assert body.items() >= (asked | neutral).items()


def test_llama_cpp_text_held_back_for_the_stop_string_is_restored() -> None:
    events = [llama_event([1], "Hi", 1), llama_event([4], "", 2), llama_event([4], "", 3), llama_end("word", 3)]
    chunks, _ = written(llama(Stream(events)))
    check(chunks, [1, 4, 4], "Hi\n\n", Finish.STOP)
    assert not any(chunk.passes for chunk in chunks), "it streams each token by itself, whatever a pass wrote"


def test_llama_cpp_stop_string_is_restored_where_its_token_has_gone_out() -> None:
    chunks, _ = written(llama(Stream([llama_event([1], "Hi", 1), llama_event([2], ".", 2), llama_end("word", 2)])))
    check(chunks, [1, 2], "Hi.\n\n", Finish.STOP)


def test_llama_cpp_text_held_back_at_the_limit_is_restored() -> None:
    chunks, _ = written(llama(Stream([llama_event([1], "Hi", 1), llama_event([4], "", 2), llama_end("limit", 2)])))
    check(chunks, [1, 4], "Hi\n", Finish.LENGTH)


def test_llama_cpp_end_of_sequence_has_its_id_and_no_text() -> None:
    chunks, _ = written(llama(Stream([llama_event([1], "Hi", 1), llama_event([END], "", 2), llama_end("eos", 2)])))
    check(chunks, [1, END], "Hi", Finish.END)


def test_llama_cpp_ids_it_does_not_tell_are_found_from_the_text() -> None:
    events = [llama_event([8], "a", 1), llama_event([7], WHOLE, 4), llama_event([9], "b", 5), llama_end("limit", 5)]
    chunks, bodies = written(llama(Stream(events), encoded={WHOLE: [5, 6, 7]}))
    check(chunks, [8, 5, 6, 7, 9], "a" + WHOLE + "b", Finish.LENGTH)
    assert len(bodies) == 1


def test_llama_cpp_ids_that_cannot_be_found_are_written_again() -> None:
    first = Stream([llama_event([8], "a", 1), llama_event([7], WHOLE, 4)], After.HANG)
    again = Answer(llama_end("limit", 3, [5, 6, 7], WHOLE))
    rest = Stream([llama_event([9], "b", 1), llama_event([2], ".", 2), llama_end("word", 2)])
    chunks, bodies = written(llama(first, again, rest, encoded={WHOLE: [11, 7]}))
    check(chunks, [8, 5, 6, 7, 9, 2], "a" + WHOLE + "b.\n\n", Finish.STOP)
    assert [body["prompt"] for body in bodies] == [[8], [8, 8], [8, 8, 5, 6, 7]]
    assert [body["n_predict"] for body in bodies] == [20, 3, 16]


def test_llama_cpp_a_limit_inside_a_character_leaves_the_character_out() -> None:
    chunks, _ = written(llama(Stream([llama_event([8], "a", 1), llama_end("limit", 3)])))
    check(chunks, [8], "a", Finish.LENGTH)


def test_llama_cpp_is_asked_for_exactly_our_sampling() -> None:
    _, (body,) = written(llama(Stream([llama_event([1], "Hi", 1), llama_end("limit", 1)])))
    asked = {"temperature": 0.6, "top_p": 0.9, "top_k": 20, "min_p": 0.05, "seed": 7, "n_predict": 20, "prompt": [8]}
    neutral = {"repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "dry_multiplier": 0.0}
    assert body.items() >= (asked | neutral | {"cache_prompt": True}).items()
    assert body["samplers"] == ["temperature", "top_k", "top_p", "min_p"]


@pytest.mark.parametrize(
    ("routes", "field"),
    [
        (vllm(Stream([vllm_event([1], "Hi", "length")])), "max_tokens"),
        (llama(Stream([llama_event([1], "Hi", 1), llama_end("limit", 1)])), "n_predict"),
    ],
)
def test_no_more_is_asked_for_than_the_context_takes(routes: Mapping[str, Handler], field: str) -> None:
    _, (body,) = written(routes, GenerationRequest([8] * 95, 20))
    assert body[field] == 5


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        (vllm(Answer({"error": {"message": "out of memory"}}, 500)), r"the stub refused .*HTTP 500.*out of memory"),
        (vllm(Stream([vllm_event([1], "Hi")])), "the stub broke off its answer: the connection ended"),
        (vllm(Stream([vllm_event([1], "Hi")], After.DROP)), "the stub cannot be reached"),
        (vllm(Stream([{"error": {"message": "engine died"}}])), "the stub failed while it was writing: engine died"),
        (vllm(Stream([vllm_event([1], "", "abort")])), "the stub broke off its answer: the server says 'abort'"),
        (vllm(Stream(["what?"])), "the stub answered what this program cannot read"),
        (llama(Stream([{"choices": []}])), "the stub answered what this program cannot read"),
        (llama(Answer({"error": {"code": 503, "message": "Loading model"}}, 503)), "HTTP 503.*Loading model"),
        ({"/completion": lambda _: Answer({})}, "the stub refused .*HTTP 404"),
    ],
)
def test_a_failure_says_which_model_and_what_happened(routes: Mapping[str, Handler], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        written(routes)


def test_a_prompt_too_long_says_both_lengths() -> None:
    with pytest.raises(ModelError, match="prompt of 100 tokens is too long for the stub, which takes 100"):
        written(vllm(Stream([])), GenerationRequest([8] * 100, 1))


def test_a_server_that_was_given_up_is_gone_until_it_is_back() -> None:
    async def run() -> None:
        async with stub_server({"/tokenize": lambda body: Answer({"tokens": [8]})}) as stub:
            endpoint = stub.endpoint("vllm")
            model = OpenAIModel(endpoint, lambda: "it died 4 times")
            assert await model.encode("a") == [8], "whoever answers is there"
        with pytest.raises(ServerGone, match="the server of the stub is gone: it died 4 times"):
            await model.encode("a")
        await model.close()

    asyncio.run(run())


def test_a_server_that_hangs_is_not_waited_for_for_ever() -> None:
    def hang(body: Body) -> Stream:
        return Stream([], After.HANG)

    async def run() -> None:
        async with stub_server({"/tokenize": hang, "/v1/models": lambda body: vllm_models()}) as stub:
            connection = Connection(stub.endpoint("vllm"))
            with pytest.raises(ModelError, match=r"the stub does not answer at http.*: it hangs"):
                await connection.post("/tokenize", {}, BaseModel, silence_s=0.05)
            await connection.close()
            async with asyncio.timeout(5):
                await stub.client_gone.wait()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("/v1/models", lambda connection: connection.get("/models", Anything)),
        ("/tokenize", lambda connection: connection.post("/tokenize", {"a": 1}, Anything)),
        ("/v1/completions", lambda connection: anext(connection.stream("/v1/completions", {"a": 1}, Anything))),
    ],
)
def test_a_request_whose_connection_breaks_before_the_answer_begins_is_sent_once_more(
    path: str, ask: Callable[[Connection], Awaitable[object]]
) -> None:
    routes = vllm(Stream([vllm_event([1], "Hi", "length")])) | {"/tokenize": lambda body: Answer({"tokens": [8]})}

    async def run() -> None:
        async with stub_server(routes) as stub:
            connection = Connection(stub.endpoint("vllm"))
            stub.unanswered = 1
            assert await ask(connection)
            asked = stub.bodies(path)
            assert len(asked) == 2
            assert asked[0] == asked[1]
            stub.unanswered = 2
            with pytest.raises(ModelError, match=r"the stub cannot be reached .*disconnected without sending"):
                await ask(connection)
            assert len(stub.bodies(path)) == 4
            await connection.close()

    asyncio.run(run())


def test_an_answer_that_breaks_off_is_not_asked_for_again() -> None:
    async def run() -> None:
        async with stub_server(vllm(Stream([vllm_event([1], "Hi")], After.DROP))) as stub:
            model = OpenAIModel(stub.endpoint("vllm"))
            chunks = model.generate(REQUEST)
            assert (await anext(chunks)).text == "Hi"
            with pytest.raises(ModelError, match="the stub cannot be reached"):
                await anext(chunks)
            assert len(stub.bodies("/v1/completions")) == 1
            await model.close()

    asyncio.run(run())


def test_a_server_that_is_not_there_is_named() -> None:
    async def run() -> None:
        async with stub_server({}) as stub:
            gone = stub.endpoint("vllm")
        model = OpenAIModel(gone)
        with pytest.raises(ModelError, match=rf"the stub cannot be reached at {gone.base_url}.*is its server running"):
            await model.encode("a")
        await model.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "routes",
    [
        vllm(Stream([vllm_event([1], "Hi")], After.HANG)),
        llama(Stream([llama_event([1], "Hi", 1)], After.HANG)),
    ],
)
def test_closing_or_cancelling_a_generation_ends_the_request(routes: Mapping[str, Handler]) -> None:
    async def run() -> None:
        async with stub_server(routes) as stub:
            model = OpenAIModel(stub.endpoint("llama.cpp" if "/completion" in routes else "vllm"))
            chunks = model.generate(REQUEST)
            assert (await anext(chunks)).text == "Hi"
            await chunks.aclose()
            async with asyncio.timeout(1):
                await stub.client_gone.wait()
            await model.close()

    asyncio.run(run())


def chosen(routes: dict[str, Handler], encoded: Callable[[Body], Answer]) -> dict[str, float]:
    async def run() -> dict[str, float]:
        async with stub_server(routes | {"/tokenize": encoded}) as stub:
            model = OpenAIModel(stub.endpoint("llama.cpp" if "/completion" in routes else "vllm"))
            try:
                return await model.choose([8], ("a", "b"))
            finally:
                await model.close()

    return asyncio.run(run())


def test_vllm_tells_the_log_probability_of_each_choice() -> None:
    told = {"token_id:8": -0.5, "token_id:9": -1.5, "token_id:1": -0.1}
    event = {"choices": [{"text": "Hi", "finish_reason": "length", "logprobs": {"top_logprobs": [told]}}]}
    ids = {"a": [8], "b": [9]}
    found = chosen(vllm(Stream([event])), lambda body: Answer({"tokens": ids[str(body["prompt"])]}))
    assert found == {"a": -0.5, "b": -1.5}


def test_vllm_that_fails_on_named_tokens_is_asked_for_the_likeliest() -> None:
    """As one does that speculates on tokens."""
    told = {"token_id:8": -0.5, "token_id:1": -9.0}
    event = {"choices": [{"text": "a", "finish_reason": "length", "logprobs": {"top_logprobs": [told]}}]}
    failure = {"error": {"message": "list index out of range", "code": 500}}
    routes = vllm(Stream([])) | {
        "/v1/completions": lambda body: Stream([failure if "logprob_token_ids" in body else event]),
        "/tokenize": lambda body: Answer({"tokens": [8 if body["prompt"] == "a" else 9]}),
    }

    async def run() -> list[Body]:
        async with stub_server(routes) as stub:
            model = OpenAIModel(stub.endpoint("vllm"))
            try:
                for _ in range(2):
                    assert await model.choose([8], ("a", "b")) == {"a": -0.5, "b": -math.inf}
                return stub.bodies("/v1/completions")
            finally:
                await model.close()

    assert ["logprob_token_ids" in body for body in asyncio.run(run())] == [True, False, False]


def test_llama_cpp_does_not_know_an_unlikely_choice() -> None:
    likely = {"id": 1, "logprob": -0.1, "top_logprobs": [{"id": 1, "logprob": -0.1}, {"id": 8, "logprob": -0.5}]}
    events = [llama_event([1], "Hi", 1) | {"completion_probabilities": [likely]}, llama_end("limit", 1)]
    ids = {"a": [8], "b": [9]}
    found = chosen(llama(Stream(events)), lambda body: Answer({"tokens": ids[str(body["content"])]}))
    assert found == {"a": -0.5, "b": -math.inf}
