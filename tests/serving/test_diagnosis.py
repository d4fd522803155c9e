"""What an engine says when it dies is told in words that help. The lines are the engines' own."""

from pathlib import Path

import pytest

from lr_demo.serving.diagnosis import likely_reason, likely_wait, obituary
from lr_demo.serving.processes import Ended

SAID = [
    ("[Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use", "its port"),
    (
        "ValueError: Free memory on device cuda:0 (10.2/79.1 GiB) on startup is less than desired GPU memory "
        "utilization (0.9, 71.2 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
        "lower gpu_memory_utilization",
    ),
    (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB",
        "its GPU has not enough memory",
    ),
    ("RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests", "max_num_seqs"),
    (
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
        "initializing the engine",
        "the KV cache is too small",
    ),
    (
        "ValueError: To serve at least one request with the model's max seq len (40960), (10.0 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (4.1 GiB). Try increasing `gpu_memory_utilization`",
        "lower max_model_len",
    ),
    (
        "ValueError: Available memory on node 0 (3.1/24.0 GiB) on startup is less than desired CPU memory utilization "
        "(0.9, 21.6 GiB).",
        "there is not enough memory: close other programs",
    ),
    (
        "ValueError: Available memory on node 0 (1.04/23.54 GiB) on kv cache allocation is less than requested memory "
        "for kv (2.0 GiB). Decrease --kv-cache-memory-bytes",
        "there is not enough memory: close other programs",
    ),
    (
        "RuntimeError: [enforce fail] DefaultCPUAllocator: not enough memory: out of memory",
        "use a profile with smaller",
    ),
    ("OSError: [Errno 12] Cannot allocate memory", "there is not enough memory"),
    (
        "RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update",
        "update the driver",
    ),
    ("RuntimeError: CUDA driver version is insufficient for CUDA runtime version", "update the driver"),
    (
        "ValueError: World size (4) is larger than the number of available GPUs (2) in this node. If this is "
        "intentional and you are using:",
        "more GPUs than it sees",
    ),
    ("AssertionError: DP adjusted local rank 3 is out of bounds for 2 devices.", "correct gpus"),
    ("torch.AcceleratorError: CUDA error: invalid device ordinal", "correct gpus"),
    ("RuntimeError: No CUDA GPUs are available", "no GPU can be used"),
    ("RuntimeError: Failed to infer device type, please set the environment variable", "no GPU can be used"),
    (
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has "
        "compute capability 7.5. You can use float16 instead by explicitly setting the `dtype` flag in CLI",
        "set dtype: half",
    ),
    ("torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device", "too old for"),
    (
        "ValueError: The quantization method fp8 is not supported for the current GPU. Minimum capability: 89.",
        "the model's number format",
    ),
    (
        "ValueError: Total number of attention heads (14) must be divisible by tensor parallel size (4).",
        "a tensor_parallel_size that divides them",
    ),
    ("RuntimeError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO for details)", "NCCL_DEBUG=INFO"),
    (
        "torch.distributed.DistBackendError: NCCL error in: /pytorch/torch/csrc/distributed/c10d/NCCLUtils.cpp:93",
        "could not connect to each other",
    ),
    ("OSError: You are trying to access a gated repo.", "accept the licence"),
    ("huggingface_hub.errors.GatedRepoError: 403 Client Error. Cannot access gated repo for url", "HF_TOKEN"),
    ("huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error.", "or it is private"),
    (
        "OSError: some/model is not a local folder and is not a valid model identifier listed on the hub",
        "there is no such model on the hub",
    ),
    (
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the "
        "cached files.",
        "the hub cannot be reached",
    ),
    ("RuntimeError: Cannot find any model weights with `some/folder`", "its model is incomplete"),
    (
        "ValueError: User-specified max_model_len (65536) is greater than the derived max_model_len "
        "(max_position_embeddings=32768 or model_max_length=None in model's config.json).",
        "lower max_model_len",
    ),
    ("ValueError: Model architectures ['NewForCausalLM'] are not supported for now.", "the model's architecture"),
    ("ModuleNotFoundError: No module named 'xllamacpp'", "make setup"),
    ("E llama_model_load: error loading model: failed to load model from x", "the model file is damaged"),
    ("gguf_init_from_file_impl: invalid magic characters: 'abcd', expected 'GGUF'", "the model file is damaged"),
    ("api_server.py: error: unrecognized arguments: --no-such-option", "an option of the profile"),
    ("OSError: [Errno 28] No space left on device", "the disk is full"),
]


@pytest.mark.parametrize(("line", "told"), SAID, ids=[line[:40] for line, _ in SAID])
def test_what_the_engine_said_is_told_with_what_to_do(line: str, told: str) -> None:
    around = (
        "INFO 11-22 10:00:00 [core.py:1] Initializing a V1 LLM engine (v0.32.0)",
        f"(EngineCore pid=7) {line}",
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
    )
    assert told in likely_reason(Ended(1, around))


BEFORE = "INFO 11-22 10:00:00 [core.py:1] Initializing a V1 LLM engine (v0.32.0) with config: download_dir=None, nccl"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("INFO [parallel_state.py:1] world_size=2 rank=0 local_rank=0 backend=nccl", "its GPUs wait for each other"),
        ("INFO [pynccl.py:63] vLLM is using nccl==2.27.5", "its GPUs wait for each other"),
        ("INFO [parallel_state.py:1] world_size=1 rank=0 local_rank=0 backend=nccl", "something that does not come"),
        ("INFO [gpu_model_runner.py:1] Starting to load model /models/qwen...", "it was reading its weights"),
        ("Loading safetensors checkpoint shards:  50% Completed | 1/2", "it was reading its weights"),
        ("llama_model_loader: loaded meta data with 26 key-value pairs", "it was reading its weights"),
        ("INFO [backends.py:1] Dynamo bytecode transform time: 5.2 s", "a lock that an earlier process left"),
        ("Fetching 5 files:  40%|####      | 2/5", "it waits for the hub"),
        ("INFO [core.py:1] hello", "something that does not come"),
    ],
)
def test_what_a_server_waits_for_that_hangs_is_guessed_from_its_last_words(line: str, told: str) -> None:
    assert told in likely_wait([BEFORE, line, "  File x.py"])


@pytest.mark.parametrize(
    ("status", "told"), [(137, "memory ran out"), (132, "this processor"), (139, "crashed"), (3, "status 3")]
)
def test_a_server_that_said_nothing_is_known_by_its_end(status: int, told: str) -> None:
    assert told in likely_reason(Ended(status, ()))


def test_an_obituary_shows_the_last_lines_and_where_the_rest_is() -> None:
    tail = (
        "old",
        *(f"line {number}" for number in range(8)),
        "Traceback (most recent call last):",
        '  File "x.py"',
        "",
    )
    text = obituary("target", Ended(1, tail), Path("/logs/target.log"))
    assert text.splitlines() == [
        "the server target died: it ended with status 1. Its last lines:",
        *(f"  line {number}" for number in range(8)),
        "The whole log is /logs/target.log",
    ]
